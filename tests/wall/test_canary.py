#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""32 random bytes planted in prompts are found in no file, log, command line, environment, and not in the keeper."""
import base64
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server"))
import serve  # noqa: E402
from serve import hob  # noqa: E402

RAW = secrets.token_bytes(32)
CANARY = RAW.hex()
FORMS = [RAW, CANARY.encode(), CANARY.upper().encode(), base64.b64encode(RAW)[:42], base64.b64encode(CANARY.encode())[:80],
         urllib.parse.quote(RAW).encode(), " ".join(CANARY).encode()]
PLACE = os.path.join(hob.TEMP, "canary")
FOLDERS = {"HOME": "home", "TMPDIR": "tmp", "HOB_HOME": "hob", "XDG_CACHE_HOME": "cache"}
for folder in FOLDERS.values():
    os.makedirs(os.path.join(PLACE, folder))
ENV = dict(os.environ, **{name: os.path.join(PLACE, folder) for name, folder in FOLDERS.items()})
PROMPT = "Remember " + CANARY
TOOLS = [{"type": "function", "function": {"name": "f", "description": PROMPT, "parameters": {
    "type": "object", "properties": {"a": {"type": "string"}}}}}]


def holds(data):
    return [form for form in FORMS if form in data]


def check_files():
    for folder, _, names in os.walk(PLACE):
        for name in names:
            assert not holds(name.encode()), name
            with open(os.path.join(folder, name), "rb") as file:
                assert not holds(file.read()), os.path.join(folder, name)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except PermissionError:
        return b""


def remembers(pid):
    """Whether a process has it in memory; only root may look."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as mem:
        for line in maps:
            if not re.match(r"\S+ rw", line) or "[v" in line:
                continue
            first, last = (int(x, 16) for x in line.split()[0].split("-"))
            try:
                for at in range(first, last, 1 << 22):  # pieces overlap by more than any form takes
                    mem.seek(at)
                    if holds(mem.read(min(last - at, (1 << 22) + 256))):
                        return True
            except OSError:
                pass
    return False


def check_process(pid):
    """The process and its keeper, from outside."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        keeper = int(file.read().split()[0])
    for one in (pid, keeper):
        for name in ("cmdline", "environ", "comm", "status", "limits"):
            assert not holds(read("/proc/%d/%s" % (one, name))), (one, name)
        assert re.search(rb"Max core file size +0 +0", read("/proc/%d/limits" % one) or b"Max core file size 0 0")
    if os.geteuid() == 0:
        assert remembers(pid), "the engine's memory does not hold the prompt: nothing is proven"
        assert not remembers(keeper), "the keeper has seen the prompt"


def commands():
    """Of words, options, files and standard input; while the reply goes on."""
    messages = os.path.join(hob.TEMP, "messages.json")  # outside what is searched
    with open(messages, "w", encoding="utf-8") as file:
        json.dump([{"role": "user", "content": PROMPT}], file)
    endless = ("-n", "100000", "--ctx", "30000", "--ignore-eos")
    for words, stdin in ((("generate", serve.TINY, PROMPT, *endless), b""), (("generate", serve.TINY, *endless), PROMPT.encode()),
                         (("generate", "--stop=" + CANARY, serve.TINY, PROMPT, *endless), b"")):
        process = subprocess.Popen([hob.HOB, *words], env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd=PLACE)
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdout.read(1)
        check_process(process.pid)
        process.kill()
        assert not holds(process.stderr.read())
        process.wait()
    hob.run("tokenize", serve.TINY, PROMPT, env=ENV)
    hob.run("render", serve.TINY, "--messages", messages, env=ENV, ok=None)
    hob.run("batch", serve.TINY, "-", env=ENV, stdin=json.dumps({"prompt": PROMPT, "max_tokens": 2}).encode())
    hob.run("embed", serve.TINY, PROMPT, "--json", env=ENV)
    check_files()


def served():
    """Chats, streams, tools, embeddings, mistakes; and a crash."""
    folder = os.path.join(PLACE, "hob")
    server = serve.Server("--metrics", home=folder, env={k: v for k, v in ENV.items() if k in FOLDERS and k != "HOB_HOME"})
    server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
    chat = {"model": "chat", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 3}
    server.post("/v1/chat/completions", chat)
    server.ask("POST", "/v1/chat/completions", dict(chat, tools=TOOLS))
    server.stream("/v1/chat/completions", dict(chat, stream=True))
    server.post("/v1/responses", {"model": "chat", "input": PROMPT, "max_output_tokens": 2})
    server.ask("POST", "/v1/messages", chat)
    server.post("/api/embed", {"model": "chat", "input": PROMPT})
    server.ask("POST", "/api/chat", ('{"model": "chat", "x": "%s' % CANARY).encode())
    server.ask("POST", "/api/chat", dict(chat, model="../" + CANARY))
    server.ask("POST", "/api/chat", {CANARY: 1})
    server.ask("GET", "/" + CANARY, headers={"Authorization": "Bearer " + CANARY, "User-Agent": CANARY})
    held = server.send(dict(chat, max_tokens=10 ** 5, ignore_eos=True))
    check_process(server.process.pid)
    assert not holds(json.dumps(server.ask("GET", "/api/ps")[2]).encode())
    assert not holds(server.ask("GET", "/metrics")[2].encode())
    held.close()
    server.process.send_signal(6)  # SIGABRT
    server.process.wait()
    assert not holds("".join(server.said).encode())
    check_files()


def logs_are_inert():
    """What a client sends cannot write lines into what is logged, nor act on a terminal."""
    for name in ("a\x1b[2J.gguf", "a\nhob: all is well.gguf", "a\x9bH.gguf"):
        said = hob.run("generate", os.path.join(PLACE, name), "a", ok=(4,), env=ENV)[2]
        assert said.count("\n") == 1 and "\x1b" not in said and "\x9b" not in said, said


hob.main([("commands", commands), ("hob serve", served), ("messages are inert", logs_are_inert)])
