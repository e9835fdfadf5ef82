# SPDX-License-Identifier: Apache-2.0
"""What the Python tests of the program share: running it, reading .npy files and goldens, and TAP."""
import array
import atexit
import base64
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.environ.get("HOB_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
HOB = os.environ.get("HOB", os.path.join(SOURCE, "build", "hob"))
MODELS = os.path.join(SOURCE, "tests", "models")
GOLDENS = os.path.join(SOURCE, "tests", "goldens")
LONG = bool(os.environ.get("HOB_TEST_LONG"))
TINY = sorted(n for n in os.listdir(MODELS) if os.path.isdir(os.path.join(MODELS, n)))
REAL = ("smollm2", "gemma3-270m", "qwen2.5-coder-0.5b")
HAS_AVX2 = bool(re.search(r"^flags.*\bavx2\b.*\bfma\b|^flags.*\bfma\b.*\bavx2\b", open("/proc/cpuinfo").read(), re.M))

TEMP = tempfile.mkdtemp(prefix="hob-test-")
atexit.register(shutil.rmtree, TEMP, ignore_errors=True)
ENV = dict(os.environ, HOB_HOME=os.path.join(TEMP, "home"))  # remembers nothing between runs
if "this kernel" in subprocess.run([HOB, "selftest"], capture_output=True, text=True, check=False).stderr:
    os.environ["HOB_ALLOW_UNSANDBOXED"] = ENV["HOB_ALLOW_UNSANDBOXED"] = "1"


def run(*words, stdin=b"", ok=(0,), timeout=300, env=None):
    """Runs hob; returns (exit code, stdout, stderr). Another exit code than those in `ok` (None: any) raises."""
    done = subprocess.run([HOB, *map(str, words)], input=stdin, capture_output=True, timeout=timeout,
                          env=dict(ENV, **(env or {})))
    if ok is not None and done.returncode not in ok:
        raise AssertionError("hob %s: exit %d, want %s\n%s" % (
            " ".join(map(str, words))[:300], done.returncode, list(ok), done.stderr.decode("utf-8", "replace")[-2000:]))
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def slowness():
    """How many times as long as on the machine where the bounds were found, 1 at least, a fixed loop takes here now: for
    bounds on processor time, which are to hold on slow and on busy machines."""
    start, x = time.process_time(), 1
    for _ in range(300000):
        x = x * 69069 + 1 & 0xffffffff
    return max(1, (time.process_time() - start) / 0.035)


def catches(pid, number):
    """Whether the process has a handler for this signal."""
    with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
        return bool(int(re.search(r"^SigCgt:\s*(\w+)", file.read(), re.M)[1], 16) >> number - 1 & 1)


def run_json(*words, **more):
    return json.loads(run(*words, "--json", **more)[1])


def real_model(name):
    """The path of a fetched model, or None."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(cache, "hob", "models", name + ".gguf")
    return path if os.path.exists(path) else None


def read_npy(path):
    """(rows, columns, array of float32) of an .npy file."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (size,) = struct.unpack_from("<H", data, 8)
    assert (10 + size) % 64 == 0
    match = re.fullmatch(r"\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n",
                         data[10:10 + size].decode())
    assert match, data[10:10 + size]
    values = array.array("f")
    values.frombytes(data[10 + size:])
    rows, columns = int(match[1]), int(match[2])
    assert len(values) == rows * columns
    return rows, columns, values


def floats(text):
    values = array.array("f")
    values.frombytes(base64.b64decode(text))
    return values


def golden(name):
    with open(os.path.join(GOLDENS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def ids_text(ids):
    return ",".join(map(str, ids))


class Skip(Exception):
    pass


def main(tests):
    """Runs (name, function) pairs and prints TAP. A function raises Skip or any other exception, or passes."""
    print("1..%d" % len(tests), flush=True)
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print("ok %d - %s" % (number, name), flush=True)
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (number, name, reason), flush=True)
        except Exception:
            failed += 1
            print("not ok %d - %s" % (number, name), flush=True)
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
    sys.exit(1 if failed else 0)
