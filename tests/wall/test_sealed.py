#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program behind its walls: what stands around each thread, and what happens where the system lacks one."""
import errno
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server"))
import seccomp  # noqa: E402
import serve  # noqa: E402
from serve import hob  # noqa: E402

TINY = serve.TINY
GENERATE = ("generate", TINY, "Hi", "-n", "2")
HAS_WALLS = hob.run("selftest", ok=None)[0] != 6 or "this kernel" not in hob.run("selftest", ok=None)[2]


def need_walls():
    if not HAS_WALLS:
        raise hob.Skip(hob.run("selftest", ok=None)[2].strip())


def run_without(calls, *words, error=errno.ENOSYS):
    done = subprocess.run([hob.HOB, *words], capture_output=True, env=hob.ENV, timeout=60, stdin=subprocess.DEVNULL,
                          preexec_fn=seccomp.without(calls, error))
    return done.returncode, done.stdout, done.stderr.decode()


def selftest():
    need_walls()
    rows = hob.run_json("selftest")
    assert len(rows) >= 50 and all(row["held"] for row in rows), [row for row in rows if not row["held"]]
    assert hob.run("selftest")[1].decode().splitlines()[-1] == "%d exits tried, 0 open" % len(rows)


def every_thread():
    """Each thread of the server, and its keeper, is filtered; the engine's files are closed; nobody is root's heir."""
    need_walls()
    with serve.Server() as server:
        server.create("tiny", "FROM %s\n" % TINY)
        server.post("/v1/completions", {"model": "tiny", "prompt": "a", "max_tokens": 2})
        pid = server.process.pid
        tasks = ["/proc/%d/task/%s" % (pid, t) for t in os.listdir("/proc/%d/task" % pid)]
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="utf-8") as file:
            keepers = file.read().split()
        assert len(tasks) > 6 and len(keepers) == 1, (tasks, keepers)
        for task in tasks + ["/proc/" + keepers[0]]:
            with open(task + "/status", encoding="utf-8") as file:
                status = file.read()
            assert re.search(r"^NoNewPrivs:\t1$", status, re.M) and re.search(r"^Seccomp:\t2$", status, re.M), status
        if os.geteuid() == 0: # others may not even look
            sockets = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
            assert len([s for s in sockets if s.startswith("socket:")]) <= 3, sockets


def nothing_changes():
    """A model is added and taken away while the server runs; it lies anywhere."""
    with serve.Server() as server:
        assert server.ask("POST", "/v1/completions", {"model": "late", "prompt": "a"})[0] == 404
        path = os.path.join(hob.TEMP, "late.gguf")
        with open(TINY, "rb") as source, open(path, "wb") as file:
            file.write(source.read())
        server.hob("add", path, "--name", "late")
        server.post("/v1/completions", {"model": "late", "prompt": "a", "max_tokens": 2})
        server.ask("DELETE", "/api/delete", {"model": "late"})
        assert server.ask("POST", "/v1/completions", {"model": "late", "prompt": "a"})[0] == 404


def lacking(calls, word, error=errno.ENOSYS):
    def test():
        need_walls()
        code, out, said = run_without(calls, *GENERATE, error=error)
        assert code == 6 and not out and said.count("\n") == 1 and word in said, (code, out, said)
        code, out, said = run_without(calls, *GENERATE, "--allow-unsandboxed", error=error)
        assert code == 0 and out and "not sandboxed" in said and word in said, (code, out, said)
        code, _, said = run_without(calls, "selftest", error=error)
        assert code == 6 and word in said, (code, said)
        code, _, said = run_without(calls, "serve", "--listen", "127.0.0.1:0", error=error)
        assert code == 6 and word in said, (code, said)
    return test


def older_landlock():
    """Any version of Landlock will do: what older ones do not know is refused by the other walls."""
    need_walls()
    for version in range(1, 9):
        plant = {"HOB_PLANT": "landlock-%d" % version, "LD_PRELOAD": os.environ["HOB_PLANTED"]}
        rows = hob.run_json("selftest", env=plant)
        assert rows and all(row["held"] for row in rows), (version, [row for row in rows if not row["held"]])
        assert hob.run(*GENERATE, env=plant)[1]
    plant["HOB_PLANT"] = "landlock-0"
    assert "Landlock" in hob.run(*GENERATE, env=plant, ok=(6,))[2]


def planted(what, word):
    def test():
        need_walls()
        plant = {"HOB_PLANT": what, "LD_PRELOAD": os.environ["HOB_PLANTED"]}
        code, out, said = hob.run(*GENERATE, env=plant, ok=None)
        assert code == 6 and not out and said.count("\n") == 1 and word in said, (code, out, said)
        code, out, said = hob.run(*GENERATE, "--allow-unsandboxed", env=plant, ok=None)
        assert code == 0 and out and "not sandboxed" in said and word in said, (code, out, said)
    return test


def not_needed():
    """What containers refuse, and walls are not made of."""
    need_walls()
    calls = (seccomp.UNSHARE, seccomp.MEMFD, seccomp.CLOSE_RANGE)
    for error in (errno.ENOSYS, errno.EPERM):
        assert run_without(calls, *GENERATE, error=error)[0] == 0
        assert run_without(calls, "selftest", error=error)[0] == 0


def shown():
    """A server without a wall says so wherever it tells of itself."""
    need_walls()
    env = {"HOB_PLANT": "landlock-0", "LD_PRELOAD": os.environ["HOB_PLANTED"]}
    with serve.Server("--allow-unsandboxed", "--metrics", env=env) as server:
        assert any("not sandboxed" in line and "Landlock" in line for line in server.said)
        assert server.ask("GET", "/health")[2]["sandboxed"] is False
        assert server.ask("GET", "/api/ps")[2]["sandboxed"] is False
        assert "Landlock" in str(server.ask("GET", "/api/privacy")[2])
        assert "hob_sandboxed 0" in server.ask("GET", "/metrics")[2]


hob.main([("every exit is closed", selftest), ("around every thread", every_thread),
          ("models come and go", nothing_changes),
          ("a kernel without Landlock", lacking(seccomp.LANDLOCK, "Landlock")),
          ("Landlock is turned off", lacking(seccomp.LANDLOCK, "Landlock", errno.EOPNOTSUPP)),
          ("a kernel without filters", lacking((seccomp.SECCOMP,), "filter")),
          ("filters are refused", lacking((seccomp.SECCOMP,), "filter", errno.EPERM)),
          ("filters hold for one thread only", lacking(((seccomp.SECCOMP, 1, 1),), "filter", errno.EINVAL)),
          ("privileges cannot be given up", lacking(((seccomp.PRCTL, 0, 0xffffffff, 38),), "no-new-privileges", errno.EINVAL)),
          ("memory stays readable", lacking(((seccomp.PRCTL, 0, 0xffffffff, 4),), "not-dumpable", errno.EINVAL)),
          ("core files stay", lacking(((seccomp.PRLIMIT, 1, 0xffffffff, 4),), "no-core", errno.EPERM)),
          ("other threads cannot be reached", planted("no-tsync", "filter")),
          ("no /proc", planted("no-proc", "/proc/self")),
          ("Landlock of any version", older_landlock), ("what is not needed", not_needed), ("it is shown", shown)])
