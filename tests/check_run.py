#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the test runner on programs that pass, fail, die, hang or say nothing; prints TAP."""
import os
import signal
import subprocess
import sys
import tempfile

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
# name: shell command, and the passed, failed and skipped points it must count as
PROGRAMS = {
    "passes": ("echo 1..2; echo 'ok 1 - a'; echo 'ok 2 - b'", (2, 0, 0)),
    "two groups": ("echo 1..1; echo 'ok 1 - a'; echo 1..1; echo 'ok 1 - b'", (2, 0, 0)),
    "fails": ("echo 1..2; echo 'ERROR: because'; echo 'not ok 1 - a'; echo '# line 3'; echo 'ok 2 - b'; exit 1", (1, 1, 0)),
    "skips": ("echo 1..2; echo 'ok 1 - a # SKIP no model'; echo 'not ok 2 # SKIP b'", (0, 0, 2)),
    "skips all": ("echo '1..0 # SKIP nothing here'", (0, 0, 1)),
    "dies": ("echo 1..2; echo 'ok 1 - a'; echo last words; kill -SEGV $$", (1, 1, 0)),
    "no plan": ("echo hello", (0, 1, 0)),
    "too few": ("echo 1..3; echo 'ok 1 - a'", (1, 1, 0)),
    "too many": ("echo 1..1; echo 'ok 1 - a'; echo 'ok 2 - b'", (2, 1, 0)),
    "status": ("echo 1..1; echo 'ok 1 - a'; exit 3", (1, 1, 0)),
    "hangs": ("echo 1..1; echo 'ok 1 - a'; sleep 60", (1, 1, 0)),
    "bails out": ("echo 1..1; echo 'Bail out! no disk'; exit 1", (0, 2, 0)),
    "not text": ("printf '1..1\\nok 1 - a\\n\\377\\n'", (1, 0, 0)),
}
SHOWN = ["ERROR: because", "# line 3", "last words", "killed by SIGSEGV", "exit status 3", "no disk"]


def run(arguments, **more):
    done = subprocess.run([sys.executable, RUNNER] + arguments, capture_output=True, text=True, check=False, **more)
    return done.returncode, done.stdout


def counts(text):
    words = text.splitlines()[-1].replace(",", "").split()
    return int(words[0]), int(words[2]), int(words[4])


def main():
    points = []
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(root, "meson.build"), "w", encoding="utf-8") as file:
            file.write("project('x')\nsh = find_program('sh')\n")
            for number, (name, (command, _)) in enumerate(PROGRAMS.items()):
                with open(os.path.join(root, f"{number}.sh"), "w", encoding="utf-8") as script:
                    script.write(command)
                file.write(f"test('{name}', sh, args: files('{number}.sh'), protocol: 'tap', timeout: {1 if name == 'hangs' else 60}, "
                           f"suite: ['all', 'suite{number}'])\n")
        build = os.path.join(root, "b")
        subprocess.run(["meson", "setup", build, root], stdout=subprocess.DEVNULL, check=True)
        status, everything = run(["--build", build + ":all"])
        want = tuple(sum(values) for values in zip(*(w for _, w in PROGRAMS.values())))
        points.append(("all programs together", (status, counts(everything)), (1, want)))
        points.append(("what went wrong is shown", [s for s in SHOWN if s not in everything], []))
        status, text = run(["--build", build, "passes"])
        points.append(("a test by name", (status, counts(text)), (0, (2, 0, 0))))
        status, text = run(["--build", build, "--suite", "suite2"])
        points.append(("a test by suite", (status, counts(text)), (1, (1, 1, 0))))
        status, text = run(["--build", build, "nothing of this name"])
        points.append(("no test at all is a failure", (status, counts(text)), (1, (0, 0, 0))))
        status, text = run(["--build", os.path.join(root, "missing")])
        points.append(("a missing build is a failure", (status, counts(text)), (1, (0, 1, 0))))
    status, text = run(["--check", "good=true", "--check", "bad=echo because; false",
                        "--check", "tap=echo 1..1; echo ok 1"])
    points.append(("checks count by status or points", (status, counts(text)), (1, (2, 1, 0))))
    points.append(("a failed check is shown", "because" in text, True))
    status, text = run(["--check", "interrupt=! sh -c 'kill -INT $$'"],
                       preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    points.append(("in the background, tests can be interrupted", (status, counts(text)), (0, (1, 0, 0))))

    print(f"1..{len(points)}")
    failed = 0
    for number, (name, got, want) in enumerate(points, 1):
        print(f"{'ok' if got == want else 'not ok'} {number} - {name}")
        if got != want:
            failed += 1
            print(f"# got {got}, want {want}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
