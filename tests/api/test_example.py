#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public header and the example program, as someone who embeds hob would use them: compiled with nothing but
include/ and the shared library, as C and as C++."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
import hob  # noqa: E402

BUILD = os.path.dirname(hob.HOB)
INCLUDE = os.path.join(hob.SOURCE, "include")
EXAMPLE = os.path.join(hob.SOURCE, "docs", "examples", "chat.c")
TINY = os.path.join(hob.MODELS, "tiny-llama-rope3.gguf")
MESSAGES = '[{"role": "user", "content": "Hello"}]'


def compiler(*names):
    for name in names:
        if shutil.which(name):
            return name
    raise hob.Skip("no " + " or ".join(names))


def call(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=120, **more)


def header_alone(language, standard, name):
    path = os.path.join(hob.TEMP, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#include <hob.h>\n#include <hob.h>\nint main(void) { return hob_version() == 0; }\n")
    command = compiler("c++", "g++", "clang++") if language == "c++" else compiler("cc", "gcc", "clang")
    done = call(command, "-x", language, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes"
                if language == "c" else "-Wold-style-cast", "-Werror", "-fsyntax-only", "-I", INCLUDE, path)
    assert done.returncode == 0, done.stderr


def built_example():
    library = os.path.join(BUILD, "libhob.so")
    if not os.path.exists(library):
        raise hob.Skip("this build has no shared library")
    if subprocess.run(["grep", "-q", "__asan_init", library]).returncode == 0:
        raise hob.Skip("the library is built for the sanitizers")
    program = os.path.join(hob.TEMP, "chat")
    done = call(compiler("cc", "gcc", "clang"), "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", EXAMPLE, "-I",
                INCLUDE, "-L", BUILD, "-lhob", "-Wl,-rpath," + BUILD, "-o", program)
    assert done.returncode == 0, done.stderr
    return program


def ascii_of(text):
    return "".join(c for c in text if c < "\x80")


def example_streams():
    program = built_example()
    done = call(program, TINY, MESSAGES)
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stderr.splitlines()[-1])
    # A random model also makes bytes that are no UTF-8, which JSON cannot hold.
    assert ascii_of(done.stdout) == ascii_of(reply["text"] + "\n"), (done.stdout, reply["text"])
    assert reply["prompt_tokens"] > 0 and len(reply["receipt"]["logits_sha256"]) == 64
    # The same bits as the program's.
    request = {"messages": json.loads(MESSAGES), "max_tokens": 200, "temp": 0}
    out = hob.run("batch", TINY, "-", stdin=json.dumps(request).encode())[1]
    assert json.loads(out)["receipt"]["logits_sha256"] == reply["receipt"]["logits_sha256"]


def example_fails_well():
    program = built_example()
    done = call(program, os.path.join(hob.TEMP, "nothing.gguf"), MESSAGES)
    assert done.returncode == 4 and "nothing.gguf" in done.stderr, (done.returncode, done.stderr)
    done = call(program, TINY, "[]")
    assert done.returncode == 2 and "messages" in done.stderr, (done.returncode, done.stderr)


def only_hob_symbols():
    """The shared library gives away nothing but the functions of hob.h."""
    library = os.path.join(BUILD, "libhob.so")
    if not os.path.exists(library):
        raise hob.Skip("this build has no shared library")
    done = call("nm", "-D", "--defined-only", library)
    names = {line.split()[-1].split("@")[0] for line in done.stdout.splitlines()}
    with open(os.path.join(INCLUDE, "hob.h"), encoding="utf-8") as file:
        text = file.read()
    assert names, done.stderr
    for name in names:
        assert name.startswith("hob_") and name + "(" in text, name


hob.main([
    ("hob.h is C11", lambda: header_alone("c", "c11", "header.c")),
    ("hob.h is C++", lambda: header_alone("c++", "c++11", "header.cc")),
    ("the shared library exports hob.h", only_hob_symbols),
    ("the example streams a reply", example_streams),
    ("the example fails well", example_fails_well),
])
