#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The frame of the command line: help of every command, mistakes and their exit codes, output that fails, pages."""
import os
import re
import signal
import subprocess
import time

import hob

COMMANDS = [line.split()[0] for line in hob.run("help")[1].decode().split("Commands\n")[1].split("\n\n")[0].splitlines()
            if re.match(r"  \w", line)]
TINY = os.path.join(hob.MODELS, "tiny-llama-rope3")


def fails(status, *words, says, **more):
    """hob fails with this status and one line on standard error that has `says` in it."""
    code, out, err = hob.run(*words, ok=None, **more)
    assert code == status, (words, code, err)
    assert err.startswith("hob: ") and err.endswith("\n") and err.count("\n") == 1, err
    assert len(err.encode()) <= 200, len(err)
    assert re.search(says, err), (says, err)
    return err


def test_help():
    assert hob.run()[1] == hob.run("--help")[1] == hob.run("help")[1] == hob.run("-h")[1]
    assert hob.run("--version")[1] == b"hob 0.1.0\n"
    assert {"run", "list", "help"} <= set(COMMANDS), COMMANDS
    for command in COMMANDS:
        text = hob.run(command, "--help")[1].decode()
        assert text == hob.run("help", command)[1].decode()
        assert text.startswith("hob " + command), text
        assert "  -h, --help" in text and "\nOptions\n" in text, text
        assert "\x1b" not in text
        assert command == "help" or "\nExamples\n" in text, text
        assert max(map(len, text.splitlines())) <= 100, text
    text = hob.run("run", "--help")[1].decode()
    for option in ("--threads N", "--temp F", "--json", "--system TEXT", "--think[=on|off|LEVEL]", "--[no-]markdown",
                   "--schema FILE", "-n, --max-tokens N", "(default: 0.8)"):
        assert option in text, option


def test_unknown():
    fails(2, "rum", says='did you mean "hob run"')
    fails(2, "nonsense", says="no such command")
    fails(2, "help", "nonsense", says="no such command")
    fails(2, "run", says="usage: hob run MODEL")
    fails(2, "list", "word", says="one word too many")
    fails(2, "run", "m", "--tempp", "1", says="did you mean --temp")
    fails(2, "run", "m", "--top_k", "1", says="no such option")
    fails(2, "run", "m", "-Z", says="no such option")
    fails(2, "run", "m", "--no-temp", says="no such option")
    fails(2, "run", "m", "--temp", says="want a value")
    fails(2, "run", "m", "--temp", "hot", says='found "hot"')
    fails(2, "run", "m", "--temp=-1", says="in \\[0, 100\\]")
    fails(2, "run", "m", "--precise=1", says="takes no value")
    fails(2, "run", "m", "--json=1", says="takes no value")
    fails(2, "run", "m", "-n", "1.5", says="whole number")
    fails(2, "list", "--temp", "1", says="no such option")


def test_errors_are_inert():
    fails(2, "\x1b[31mrun\n", says=r"\\x1b\[31mrun\\n")
    fails(2, "run", "m", "--" + "x" * 500, says="no such option")
    fails(4, "run", "x" * 100 + "/" * 300, "hi", says="")
    fails(2, "run", "a model?", "hi", says="no model")


def test_models():
    fails(4, "run", "nosuchmodel", "hi", says="no such model")
    fails(4, "run", "./nosuch.gguf", "hi", says="no such file")
    empty = os.path.join(hob.TEMP, "empty.gguf")
    open(empty, "wb").close()
    fails(3, "run", empty, "hi", says="empty.gguf")
    fails(2, "run", TINY, says="no prompt")
    models = os.path.join(hob.ENV["HOB_HOME"], "models")
    os.makedirs(models, exist_ok=True)
    link = os.path.join(models, "llama:tiny.gguf")
    if not os.path.islink(link):
        os.symlink(TINY + ".gguf", link)
    listed = {entry["name"]: entry for entry in hob.run_json("list")}["llama:tiny"]
    assert listed["size"] == os.path.getsize(TINY + ".gguf") and listed["path"] == link, listed
    assert b"llama:tiny " in hob.run("list")[1]
    assert hob.run("run", "llama:tiny", "hi", ok=None)[0] in (0, 4)  # found, whether it can chat or not
    fails(4, "run", "llama:tinyy", "hi", says="there are .*llama:tiny")


def closed(words, fds):
    def close():
        for fd in fds:
            os.close(fd)
    return subprocess.run([hob.HOB, *words], env=hob.ENV, stdin=None if 0 in fds else subprocess.DEVNULL,
                          stdout=None if 1 in fds else subprocess.PIPE,
                          stderr=None if 2 in fds else subprocess.PIPE, preexec_fn=close, timeout=60, check=False)


def test_closed():
    done = closed(["help"], [1])
    assert done.returncode == 7 and b"standard output" in done.stderr, done
    assert closed(["help"], [2]).returncode == 0
    assert closed(["help"], [0, 2]).returncode == 0
    assert closed(["nonsense"], [2]).returncode == 2
    assert closed(["help"], [0, 1, 2]).returncode == 7
    assert closed(["run", TINY], [0]).returncode == 2


def test_full_disk():
    with open("/dev/full", "wb") as full:
        for words in (["help"], ["list"], ["list", "--json"], ["man"], ["completion", "bash"]):
            done = subprocess.run([hob.HOB, *words], env=hob.ENV, stdout=full, stderr=subprocess.PIPE, timeout=60,
                                  check=False)
            if words == ["list"] and not done.stderr.startswith(b"hob: standard"):
                continue  # nothing to list
            assert done.returncode == 7, (words, done)
            assert done.stderr == b"hob: standard output: cannot be written: No space left on device\n", done
        assert subprocess.run([hob.HOB, "help"], env=hob.ENV, stdout=subprocess.DEVNULL, stderr=full, timeout=60,
                              check=False).returncode == 0


def test_reader_that_left():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([hob.HOB, "help"], env=hob.ENV, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (7, b""), done


def test_pages():
    hidden = {"man", "completion"}
    listed = hob.run("man", "--list")[1].decode().split()
    assert sorted(listed) == sorted(COMMANDS) and not hidden & set(listed)
    assert hob.run("man")[1].startswith(b".TH hob 1 ")
    for command in listed:
        page = hob.run("man", command)[1].decode()
        assert page.startswith(".TH hob-%s 1 " % command)
        for line in page.splitlines():
            assert not line.startswith("'") and (not line.startswith(".") or re.match(r"\.[A-Z]{2}|\.[Bnf]", line)), line
        for option in re.findall(r"(--[\w-]+)", hob.run(command, "--help")[1].decode().split("\nOptions\n")[1]):
            assert option.replace("-", "\\-") in page, option
    fails(2, "completion", "tcsh", says="bash, zsh or fish")
    script = hob.run("completion", "bash")[1]
    assert subprocess.run(["bash", "-n"], input=script, check=False).returncode == 0
    ask = script + b'\nCOMP_WORDS=(hob run --tem); COMP_CWORD=2; _hob; echo "${COMPREPLY[@]}"\n'
    done = subprocess.run(["bash", "--norc"], input=ask, capture_output=True, check=False)
    assert sorted(done.stdout.split()) == [b"--temp", b"--template"], done
    for shell in ("zsh", "fish"):
        script = hob.run("completion", shell)[1].decode()
        assert all(command in script for command in listed) and "--temp" in script + "--temp"


def test_interrupt():
    process = subprocess.Popen([hob.HOB, "run", TINY, "hi"], env=hob.ENV, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not hob.catches(process.pid, signal.SIGINT):
        time.sleep(0.01)
    try:
        process.wait(0.5)  # it waits for what is piped in
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130, process.returncode
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()


if __name__ == "__main__":
    hob.main([(name[5:].replace("_", " "), function) for name, function in sorted(globals().items())
              if name.startswith("test_")])
