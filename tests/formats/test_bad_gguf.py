#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hob refuses every malformed file of tools/bad_gguf.py as it should, and loads every odd one.

    test_bad_gguf.py [HOB]      HOB: the program, default the environment's HOB

Exit code, one line on standard error that begins `hob: ` and names the field, no signal, a minute and, in a build
without the address sanitizer, 1 GiB of address space. Odd files that hold the same model give the same logits.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS, ADDRESS_SPACE = 60, 1 << 30


def is_sanitized(hob):
    return b"__asan_init" in Path(hob).read_bytes()


def command(hob, row, path):
    if row["with"] == "logits":
        return [hob, "logits", path, "--tokens", "1,2,3", "-o", path + ".npy", "--threads", "1"]
    if row["with"] == "tokenize":
        return [hob, "tokenize", path, "--json", "hello"]
    return [hob, "inspect", path]


def complaint(hob, row, path, limited):
    """What is wrong with how the program took the file, or None."""
    def limit():
        if limited:
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    try:
        done = subprocess.run(command(hob, row, path), stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                              preexec_fn=limit, check=False)
    except subprocess.TimeoutExpired:
        return f"took longer than {SECONDS} s"
    said = done.stderr.decode("utf-8", "backslashreplace")
    if done.returncode < 0:
        return f"died of signal {-done.returncode}: {said[-2000:]}"
    if done.returncode != row["exit"]:
        return f"exit {done.returncode}, want {row['exit']}: {said[-2000:]}"
    if row["exit"] == 0:
        return None if row["with"] != "logits" or os.path.exists(path + ".npy") else "wrote no logits"
    if not said.startswith("hob: ") or said.count("\n") != 1 or not said.endswith("\n"):
        return f"want one line that begins with hob: {said[-2000:]}"
    if not any(name in said for name in row["names"]):
        return f"want a message that names {' or '.join(row['names'])}: {said}"
    return None


def other_logits(row, folder, name):
    """What is wrong with the logits of a file that must give those of another, or None."""
    if "same" not in row:
        return None
    files = [Path(folder) / (file + ".npy") for file in (name, row["same"])]
    same = all(file.exists() for file in files) and files[0].read_bytes() == files[1].read_bytes()
    return None if same else f"other logits than {row['same']}"


def main():
    hob = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("HOB", "build/hob")
    if not os.path.exists(hob):
        print(f"1..0 # SKIP there is no {hob}")
        return 0
    limited = not is_sanitized(hob)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / "tools" / "bad_gguf.py", folder], check=True, stdout=subprocess.DEVNULL)
        index = json.loads((Path(folder) / "index.json").read_text(encoding="utf-8"))
        print(f"1..{len(index)}")
        with ThreadPoolExecutor(2) as workers:
            results = list(workers.map(
                lambda item: complaint(hob, item[1], os.path.join(folder, item[0]), limited), index.items()))
        for number, (name, wrong) in enumerate(zip(index, results), 1):
            wrong = wrong or other_logits(index[name], folder, name)
            failed += wrong is not None
            print(f"{'not ' if wrong else ''}ok {number} - {name}")
            if wrong:
                print("".join(f"# {line}\n" for line in wrong.splitlines()), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
