#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A full disk, files that cannot be read or are cut while they are read, and readers that leave: one line and the
right exit code, never a signal."""
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import hob

TINY = os.path.join(hob.MODELS, "tiny-llama-rope3.gguf")
FULL = "/dev/full"


def one_line(said, *words):
    lines = said.splitlines()
    assert len(lines) == 1 and lines[0].startswith("hob: "), said
    for word in words:
        assert word in said, (word, said)


def full_disk():
    if not os.path.exists(FULL):
        raise hob.Skip("no /dev/full")
    request = b'{"tokens": [1, 2], "max_tokens": 2}\n' * 20
    for words, stdin in ((("logits", TINY, "--tokens", "1,2,3", "-o", FULL), b""),
                         (("batch", TINY, "-", "-o", FULL), request)):
        one_line(hob.run(*words, stdin=stdin, ok=(7,))[2], "/dev/full")
    with open(FULL, "wb") as full:
        for words in (("logits", TINY, "--tokens", "1,2,3"), ("generate", TINY, "Hi", "-n", "4"),
                      ("generate", TINY, "Hi", "-n", "4", "--json"), ("tokenize", TINY, "Hi", "--json"),
                      ("inspect", TINY), ("batch", TINY, "-"), ("bench", TINY, "-p", "4", "-n", "0", "-r", "1")):
            done = subprocess.run([hob.HOB, *words], input=request, stdout=full, stderr=subprocess.PIPE, env=hob.ENV,
                                  timeout=60)
            assert done.returncode == 7, (words, done.returncode, done.stderr)
            one_line(done.stderr.decode(), "standard output")


def nothing_half_written():
    """A result appears whole or not at all."""
    folder = os.path.join(hob.TEMP, "results")
    os.mkdir(folder)
    path = os.path.join(folder, "x.npy")
    hob.run("logits", TINY, "--tokens", "1,2,3", "-o", path)
    with open(path, "rb") as file:
        before = file.read()
    limit = "ulimit -f 1; exec \"$@\""  # 1 kB: SIGXFSZ is a write that fails
    done = subprocess.run(["bash", "-c", "trap '' XFSZ; " + limit, "bash", hob.HOB, "logits", TINY, "--tokens",
                           "1,2,3,4,5,6", "-o", path], capture_output=True, env=hob.ENV, timeout=60)
    assert done.returncode == 7, (done.returncode, done.stderr)
    with open(path, "rb") as file:
        assert file.read() == before
    assert os.listdir(folder) == ["x.npy"], os.listdir(folder)


def not_there():
    for words in (("generate", os.path.join(hob.TEMP, "no.gguf"), "Hi"), ("inspect", os.path.join(hob.TEMP, "no/")),
                  ("logits", TINY, "--file", os.path.join(hob.TEMP, "no.txt")),
                  ("batch", TINY, os.path.join(hob.TEMP, "no.jsonl")), ("replay", os.path.join(hob.TEMP, "no.json")),
                  ("render", TINY, "--messages", os.path.join(hob.TEMP, "no.json")),
                  ("logits", TINY, "--tokens", "1", "-o", os.path.join(hob.TEMP, "no", "x.npy"))):
        one_line(hob.run(*words, ok=(4,))[2], "no")


def unreadable():
    folder = os.path.join(hob.TEMP, "folder.gguf")
    os.makedirs(folder, exist_ok=True)
    hob.run("generate", folder, "Hi", ok=(3, 4))
    fifo = os.path.join(hob.TEMP, "fifo.gguf")
    os.mkfifo(fifo)
    one_line(hob.run("generate", fifo, "Hi", ok=(3,))[2], "fifo.gguf")
    one_line(hob.run("logits", TINY, "--tokens", "1", "-o", folder, ok=(7,))[2], "folder.gguf")
    if os.geteuid() == 0:
        return
    secret = os.path.join(hob.TEMP, "secret.gguf")
    shutil.copy(TINY, secret)
    os.chmod(secret, 0)
    one_line(hob.run("generate", secret, "Hi", ok=(7,))[2], "secret.gguf")


def cut_before():
    with open(TINY, "rb") as file:
        data = file.read()
    path = os.path.join(hob.TEMP, "cut.gguf")
    for size in (0, 3, 20, 1000, len(data) // 2, len(data) - 1):
        with open(path, "wb") as file:
            file.write(data[:size])
        one_line(hob.run("generate", path, "--tokens", "1", "-n", "1", ok=(3,))[2], "cut.gguf")


def cut_while_read():
    """The file loses its end after it was opened: weights are read a few times over while it shrinks and grows."""
    model = hob.real_model("gemma3-270m") or hob.real_model("smollm2")
    if not model:
        raise hob.Skip("no real model, and a tiny one is read at once")
    path = os.path.join(hob.TEMP, "shrinks.gguf")
    seen, early, late = set(), 0, 0.5  # seconds: before it is read, and perhaps afterwards
    for _ in range(40):
        delay = (early + late) / 2
        shutil.copy(model, path)
        process = subprocess.Popen([hob.HOB, "generate", path, "Hi", "-n", "1"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=hob.ENV)
        time.sleep(delay)
        os.truncate(path, 1 << 23)
        said = process.communicate(timeout=120)[1].decode()
        assert process.returncode in (0, 3, 8), (process.returncode, said)
        if process.returncode:
            one_line(said, "shrinks.gguf")
        seen.add(process.returncode)
        if process.returncode == 8:
            break
        # How long it takes to begin and to read differs from run to run: the bounds stay loose.
        early, late = (early * 0.9, max(delay, 0.01)) if process.returncode == 0 else (delay, late * 1.1)
    print("# exit codes", sorted(seen))
    os.unlink(path)
    assert 8 in seen, "no run met the cut; exit codes %s" % seen


def readers_leave():
    for words in (("generate", TINY, "Hi", "-n", "300", "--ignore-eos", "--ctx", "512"),
                  ("logits", TINY, "--tokens", hob.ids_text([1] * 500)), ("inspect", TINY, "--tensors")):
        process = subprocess.Popen([hob.HOB, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=hob.ENV)
        process.stdout.close()
        said = process.stderr.read().decode()
        code = process.wait(timeout=60)
        assert code in (0, 7), (words, code, said)


def interrupted():
    for seconds in (1, 2, 4, 8, 16):  # until it has begun to write
        process = subprocess.Popen([hob.HOB, "generate", TINY, "Hi", "--ignore-eos", "--ctx", "1000000", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=hob.ENV)
        while not hob.catches(process.pid, signal.SIGINT):
            time.sleep(0.01)
        threading.Timer(seconds, process.send_signal, (signal.SIGINT,)).start()
        out, said = process.communicate(timeout=120)
        assert process.returncode == 130, (process.returncode, said)
        if out and json.loads(out)["tokens"]:
            break
    assert json.loads(out)["finish_reason"] == "cancelled" and json.loads(out)["tokens"], out[:500]


hob.main([("a full disk is an error", full_disk), ("a result appears whole or not at all", nothing_half_written),
          ("what is not there is said so", not_there), ("what cannot be read is said so", unreadable),
          ("a cut file is refused", cut_before), ("a file that is cut while it is read is an error", cut_while_read),
          ("readers may leave", readers_leave), ("Ctrl-C ends a completion", interrupted)])
