#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a system may do to a program: limits, a full disk, a clock that jumps, no home, odd paths, closed descriptors.
Each ends well or with one line and its exit code, never with a signal."""
import errno
import hashlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server"))
import seccomp  # noqa: E402
import serve  # noqa: E402
from serve import hob  # noqa: E402

SWEPT = (errno.ENOSPC, errno.EIO)  # tried at every call that writes; other errors at the first ones
WORDS = ("generate", serve.TINY, "Hi", "-n", "2", "--threads", "2")


def run(words, limits=(), env=None, unset=(), **more):
    """(exit code, what it said) of hob under limits, as [(resource, value)]."""
    whole = {k: v for k, v in dict(hob.ENV, **(env or {})).items() if k not in unset}
    done = subprocess.run([hob.HOB, *words], env=whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          stdin=subprocess.DEVNULL, preexec_fn=lambda: [resource.setrlimit(r, (v, v)) for r, v in limits],
                          **more)
    said = done.stderr.decode("utf-8", "replace")
    assert done.returncode >= 0, (words, done.returncode, said)
    assert done.returncode == 0 or said.count("\n") == 1, (done.returncode, said)
    return done.returncode, said


def limits():
    """A small stack more than once: where it begins is left to chance."""
    for limit, values in ((resource.RLIMIT_NOFILE, (4, 5, 6, 7, 8, 10, 16, 32)),
                          (resource.RLIMIT_AS, (30 << 20, 60 << 20, 100 << 20, 200 << 20, 1 << 30)),
                          (resource.RLIMIT_STACK, (64 << 10,) * 8 + (256 << 10,)), (resource.RLIMIT_FSIZE, (0, 100)),
                          (resource.RLIMIT_CPU, (60,)), (resource.RLIMIT_CORE, (0, resource.RLIM_INFINITY))):
        for value in values:
            try:
                code, said = run(WORDS, [(limit, value)])
            except (OSError, subprocess.SubprocessError):
                continue  # too little for the system to start any program
            assert code in (0, 5, 7, 127), (limit, value, code, said)
    assert run(WORDS, [(resource.RLIMIT_NOFILE, 32)])[0] == 0 and run(WORDS, [(resource.RLIMIT_FSIZE, 0)])[0] == 0


def processes():
    """No room for the keeper."""
    if os.geteuid() != 0:
        limit = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    else:
        limit = lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65533),
                         resource.setrlimit(resource.RLIMIT_NPROC, (0, 0)))
    if os.geteuid() == 0 and not os.access(hob.HOB, os.X_OK):
        raise hob.Skip("another user cannot run the program")
    try:
        done = subprocess.run([hob.HOB, *WORDS], env=hob.ENV, capture_output=True, text=True, preexec_fn=limit, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise hob.Skip("another user cannot run the program: %s" % error)
    assert done.returncode == 5 and "ulimit -u" in done.stderr and done.stderr.count("\n") == 1, (done.returncode, done.stderr)


def homes():
    unset = ("HOME", "HOB_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
    for env in ({}, {"HOME": "relative"}, {"HOME": "/dev/null"}, {"HOME": "/proc"}, {"HOB_HOME": "/dev/null/x"},
                {"HOME": ""}):
        code, said = run(WORDS, env=env, unset=[name for name in unset if name not in env])
        assert code == 0, (env, said)
        code, said = run(("list",), env=env, unset=[name for name in unset if name not in env])
        assert code in (0, 4, 7), (env, code, said)


def paths():
    """Newlines, bytes that are no text, and spaces in names."""
    with open(serve.TINY, "rb") as file:
        data = file.read()
    for name in (b"a\nb.gguf", b"\xff\xfe.gguf", b"two words.gguf", "gr\u00fc\u00df\U0001f600.gguf".encode(), b"-n.gguf",
                 b"a'b\"c$(x).gguf", b"..gguf"):
        path = os.path.join(hob.TEMP.encode(), name)
        with open(path, "wb") as file:
            file.write(data)
        code, said = run(("generate", path, "Hi", "-n", "1"))
        assert code == 0, (name, code, said)
        out = os.path.join(hob.TEMP.encode(), b"out" + name)
        code, said = run(("logits", serve.TINY, "--tokens", "1", "-o", out))
        assert code == 0 and os.path.getsize(out) > 128, (name, said)


def closed():
    for closed_fds in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "</dev/null >/dev/null 2>&1"):
        for words in (WORDS, ("tokenize", serve.TINY, "a"), ("selftest",)):
            done = subprocess.run(["bash", "-c", '"$@" ' + closed_fds, "bash", hob.HOB, *words], env=hob.ENV, timeout=60,
                                  capture_output=True)
            assert done.returncode in (0, 6, 7) and done.returncode < 128, (closed_fds, words, done.returncode, done.stderr)
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen([hob.HOB, *WORDS], env=hob.ENV, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    process.stderr.read()
    assert process.wait(60) in (0, 7)


def sockets():
    """What came from outside: a socket that is connected may be standard input or output, another may not; those beyond
    are closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run([hob.HOB, *WORDS], env=hob.ENV, stdout=theirs, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 0 and ours.recv(100), done.stderr
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        done = subprocess.run([hob.HOB, *WORDS], env=hob.ENV, stdout=s, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 6 and b"descriptor 1" in done.stderr, done.stderr
        process = subprocess.Popen([hob.HOB, *WORDS[:3], "-n", "100000", "--ctx", "200000", "--ignore-eos"], env=hob.ENV,
                                   stdout=subprocess.PIPE, pass_fds=[s.fileno()])
        process.stdout.read(1)
        try:
            kinds = [os.readlink("/proc/%d/fd/%s" % (process.pid, fd)) for fd in os.listdir("/proc/%d/fd" % process.pid)]
            assert len([k for k in kinds if k.startswith("socket:")]) == 1, kinds  # the keeper's
        except PermissionError:
            pass
        process.kill()
        process.wait()


def full_disk():
    """A blob that finds no room is an error; the server goes on, and nothing is left of it."""
    home = os.path.join(hob.TEMP, "small")
    server = serve.Server(home=home)
    with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid)) as file:
        pids = [server.process.pid, int(file.read().split()[0])]
    data = os.urandom(1 << 20)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 16, resource.RLIM_INFINITY))
    status, _, answer = server.ask("POST", "/api/blobs/" + digest, data)
    assert status in (500, 507) and "large" in str(answer), (status, answer)
    blobs = os.path.join(home, "blobs")
    assert not os.path.exists(blobs) or os.listdir(blobs) == []
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert server.ask("POST", "/api/blobs/" + digest, data)[0] == 201
    assert server.ask("POST", "/api/blobs/sha256:" + "0" * 64, data)[0] == 400
    assert os.listdir(blobs) == ["sha256-" + digest[7:]], os.listdir(blobs)
    server.stop()


def failing_disk():
    """Each call that writes to a file fails, from the first, the second, ... on, until none is left: exit 7 and one line;
    what is written is there whole or not at all."""
    out, vectors = (os.path.join(hob.TEMP, name) for name in ("failing.npy", "vectors.npy"))
    jobs = ((out, ("logits", serve.TINY, "--tokens", "1,2", "-o", out)), (vectors, ("embed", serve.TINY, "a", "-o", vectors)))
    for error in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
        for path, words in jobs:
            codes = []
            while not codes or codes[-1]:
                assert len(codes) < 100, codes
                plant = {"HOB_PLANT": "disk-%d-%d" % (error, len(codes) + 1), "LD_PRELOAD": os.environ["HOB_PLANTED"]}
                codes.append(run(words, env=plant)[0])
                assert codes[-1] in (0, 7), (words, plant, codes)
                assert codes[-1] == 0 or not os.path.exists(path), (words, plant)
            whole = os.path.getsize(path)
            assert len(codes) > 1 and whole > 50, (words, codes, whole)
            os.unlink(path)
            assert not [name for name in os.listdir(hob.TEMP) if name.endswith(".tmp")]


def tree(home):
    """What lies in a folder: the names of its files and their bytes, but those of the database and its journal."""
    found = {}
    for folder, _, names in os.walk(home):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, home)] = None if name.startswith("library.db") else file.read()
    return found


def failing_library():
    """The same for the library: what was in it stays, what comes in is there whole or not at all, and the next one
    finds room for it again."""
    base = os.path.join(hob.TEMP, "library")
    keep = {"HOB_HOME": base}
    hob.run("add", serve.TINY, "--name", "old", env=keep)
    recipe = os.path.join(hob.TEMP, "Modelfile")
    with open(recipe, "w", encoding="utf-8") as file:
        file.write("FROM old\nSYSTEM x\n")
    first = os.path.join(hob.TEMP, "first")
    jobs = ((base, ("add", serve.TINY, "--name", "new")), (base, ("add", serve.TINY, "--name", "new", "--copy")),
            (base, ("create", "new", "-f", recipe)), (base, ("cp", "old", "new")), (first, ("add", serve.TINY, "--name", "new")))
    for error in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
        for start, words in jobs:
            codes = []
            while (not codes or codes[-1]) and (len(codes) < 2 or error in SWEPT):
                assert len(codes) < 200, codes
                home = os.path.join(hob.TEMP, "failing")
                shutil.rmtree(home, ignore_errors=True)
                if os.path.exists(start):
                    shutil.copytree(start, home)
                env = {"HOB_HOME": home}
                plant = {"HOB_PLANT": "disk-%d-%d" % (error, len(codes) + 1), "LD_PRELOAD": os.environ["HOB_PLANTED"]}
                codes.append(run(words, env=dict(env, **plant))[0])
                where = (words, plant["HOB_PLANT"], codes)
                assert codes[-1] in (0, 7), where
                names = sorted(row["name"] for row in hob.run_json("list", env=env) if row["name"] in ("old", "new"))
                old = ["old"] if start == base else []
                assert names in ((old, ["new"] + old) if codes[-1] else (["new"] + old,)), (where, names)
                if "new" in names:
                    hob.run("generate", "new", "a", "-n", "1", env=env)
                assert not [name for name in tree(home) if name.endswith(".tmp")], (where, tree(home).keys())
                if len(codes) == 1:
                    assert run(words, env=env)[0] == 0, where
            assert len(codes) > 2 or error not in SWEPT, (words, codes)


def failing_uploads():
    """A blob that is sent while the disk fails: an error for it alone, nothing left of it, and the server goes on."""
    data = os.urandom(300000)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    for error in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
        statuses = []
        while (not statuses or statuses[-1] != 201) and (len(statuses) < 2 or error in SWEPT):
            assert len(statuses) < 60, statuses
            plant = {"HOB_PLANT": "disk-%d-%d" % (error, len(statuses) + 1), "LD_PRELOAD": os.environ["HOB_PLANTED"]}
            home = os.path.join(hob.TEMP, "uploads-%d-%d" % (error, len(statuses)))
            with serve.Server(env=plant, home=home) as server:
                status, _, answer = server.ask("POST", "/api/blobs/" + digest, data)
                assert status in (201, 500, 507) and (status == 201 or answer["error"]), (plant, status, answer)
                assert server.ask("HEAD", "/api/blobs/" + digest)[0] == (200 if status == 201 else 404), (plant, status)
                assert server.ask("GET", "/health")[0] == 200
            left = {name: content for name, content in tree(home).items() if content is not None}
            assert list(left.values()) == ([data] if status == 201 else []), (plant, status, left.keys())
            statuses.append(status)
        assert len(statuses) > 2 or error not in SWEPT, statuses


def no_locks():
    """A home on a server of files that cannot lock: it works or says so."""
    env = {"HOB_HOME": os.path.join(hob.TEMP, "unlocked"), "HOB_PLANT": "no-locks", "LD_PRELOAD": os.environ["HOB_PLANTED"]}
    for words in (("add", serve.TINY, "--name", "new"), ("list",), WORDS):
        assert run(words, env=env)[0] in ((0,) if words == WORDS else (0, 7)), words


def odd_homes():
    """Homes whose names have line feeds, or bytes that are no text."""
    for name in (b"a\nb", b"\xff\xfe", b"two words"):
        env = {"HOB_HOME": os.fsdecode(os.path.join(hob.TEMP.encode(), b"home-" + name))}
        added, said = run(("add", serve.TINY, "--name", "new", "--copy"), env=env)
        assert added in (0, 7), (name, said)
        for words in (("generate", "new" if added == 0 else serve.TINY, "a", "-n", "1"), ("list",)):
            assert run(words, env=env)[0] == 0, (name, words)
        with serve.Server(home=env["HOB_HOME"]) as server:
            assert server.ask("GET", "/health")[0] == 200


def odd_times():
    """Files from before 1970, from after 2038, and from the second that leaps."""
    path = os.path.join(hob.TEMP, "times.gguf")
    shutil.copy(serve.TINY, path)
    env = {"HOB_HOME": os.path.join(hob.TEMP, "times")}
    for when in (-1, 0, (1 << 31) - 1, 1 << 31, 1 << 32, 1483228800):
        os.utime(path, (when, when))
        for words in (("add", path, "--name", "new"), ("generate", "new", "a", "-n", "1"), ("list",), ("rm", "new")):
            assert run(words, env=env)[0] == 0, (when, words)


def ports():
    """A port that is taken, one that may not be had, an address that is not here."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        for listen, codes in (("127.0.0.1:%d" % s.getsockname()[1], (5,)), ("192.0.2.1:0", (5, 6))):
            code, said = run(("serve", "--listen", listen))
            assert code in codes and listen.split(":")[0] in said, (listen, code, said)


def one_writer():
    """Two may not write the same results."""
    path = os.path.join(hob.TEMP, "results.jsonl")
    first = None

    def refused():
        nonlocal first
        if first is None or first.poll() is not None:  # the other one had it
            first = subprocess.Popen([hob.HOB, "batch", serve.TINY, "-", "-o", path], stdin=subprocess.PIPE, env=hob.ENV)
            serve.wait_for(lambda: os.path.exists(path))
        return "another hob is writing" in hob.run("batch", serve.TINY, "-", "-o", path, ok=None)[2]
    serve.wait_for(refused)
    first.stdin.close()
    assert first.wait(120) == 0
    hob.run("batch", serve.TINY, "-", "-o", path)


def stuck():
    """Standard output is a pipe that is full and that nobody reads: with waiting, hob waits; without, it ends."""
    for flags in (0, os.O_NONBLOCK):
        reader, writer = os.pipe2(flags)
        os.set_blocking(writer, False)
        try:
            while os.write(writer, b"x" * 4096):
                pass
        except BlockingIOError:
            pass
        os.set_blocking(writer, not flags)
        process = subprocess.Popen([hob.HOB, *WORDS], env=hob.ENV, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        if flags:
            assert process.wait(60) in (0, 7), process.returncode
        else:
            time.sleep(0.5)
            assert process.poll() is None
        os.close(reader)
        said = process.stderr.read()
        assert process.wait(60) in (0, 7), (process.returncode, said)
        process.stderr.close()


def no_six():
    """Without IPv6 a server that was to listen there listens on IPv4, and says so; the default never minds."""
    plant = {"HOB_PLANT": "no-six", "LD_PRELOAD": os.environ["HOB_PLANTED"]}
    process = subprocess.Popen([hob.HOB, "serve", "--listen", "[::1]:0"], stderr=subprocess.PIPE, text=True,
                               env=dict(hob.ENV, **plant))  # it is on, and no interface has that address
    said = serve.until_it_listens(process)
    process.terminate()
    assert process.wait(120) == 0 and "IPv6" in said[-2] and "listening on http://127.0.0.1:" in said[-1], said
    for listen, more, told in (("[::1]:0", (), True), ("[::]:0", ("--allow-no-key", "--allow-no-tls"), True),
                               ("localhost:0", (), False), ("127.0.0.1:0", (), False)):
        process = subprocess.Popen([hob.HOB, "serve", "--listen", listen, *more], stderr=subprocess.PIPE, text=True,
                                   env=hob.ENV, preexec_fn=seccomp.without([(seccomp.SOCKET, 0, 0xffffffff, 10)],
                                                                           errno.EAFNOSUPPORT))
        try:
            said = serve.until_it_listens(process)
            assert not told or any("IPv6 is off" in line for line in said), (listen, said)
            port = int(said[-1].rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port), 60) as s:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
                assert b" 200 " in s.recv(1000)
        finally:
            process.terminate()
            assert process.wait(120) == 0
    said = hob.run("serve", "--listen", "[::]:0", ok=(6,))[2]
    assert "--allow-no-" in said, said


def clock():
    """The time of day jumps by a year at every look: models leave when they should, deadlines are kept."""
    with serve.Server("--keep-alive", "300ms", "--limit", "header-seconds=1",
                      env={"HOB_PLANT": "clock", "LD_PRELOAD": os.environ["HOB_PLANTED"]}) as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        server.post("/v1/completions", {"model": "chat", "prompt": "a", "max_tokens": 1})
        serve.wait_for(lambda: server.ask("GET", "/api/ps")[2]["models"] == [])
        began = time.monotonic()
        assert b"408" in server.raw(b"GET / HTTP/1.1\r\n") and time.monotonic() - began > 0.9


hob.main([("limits", limits), ("no more processes", processes), ("homes", homes), ("odd paths", paths), ("closed", closed),
          ("sockets from outside", sockets), ("a full disk", full_disk), ("a failing disk", failing_disk),
          ("a failing library", failing_library), ("uploads to a failing disk", failing_uploads), ("no locks", no_locks),
          ("odd homes", odd_homes), ("odd times", odd_times), ("ports", ports), ("one writer", one_writer), ("a full pipe", stuck), ("no IPv6", no_six), ("the clock jumps", clock)])
