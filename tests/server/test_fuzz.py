#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mutated requests over sockets, behind the walls: the server lives, says nothing, answers in time, and ends well. Under
the sanitizers half of the time with the walls, half with the search for leaks, which traces and so wants none: a minute
in all, ten under --long."""
import json
import os
import random
import socket
import time

import serve
from serve import hob

SANITIZED = "asan" in os.path.basename(os.path.dirname(hob.HOB))
SECONDS = 300 if hob.LONG else 30 if SANITIZED else 5
WORDS = (b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99999999999\r\n", b"Expect: 100-continue\r\n",
         b"Connection: close\r\n", b"Host: x\r\n", b"Origin: null\r\n", b"\r\n", b"\n", b"\0", b"\xff\xfe", b"%00", b"../", b"{" * 70,
         b"[" * 70, b'"', b"null", b"-1", b"1e999", b"\\ud800", b"A" * 9000, b"Upgrade: h2c\r\n", b"Range: bytes=0-\r\n", b"18446744073709551616")


def seeds(server):
    """A request for each route, and longer ones."""
    chat = {"model": "chat", "messages": [{"role": "user", "content": "Hi \u4f60"}], "max_tokens": 2, "stream": True,
            "temperature": 0.5, "stop": ["x"], "tools": [{"type": "function", "function": {
                "name": "f", "parameters": {"type": "object", "properties": {"a": {"enum": [1, None, "b"]}}}}}],
            "response_format": {"type": "json_object"}, "logit_bias": {"5": 1}, "seed": 1}
    for path, methods in server.ask("GET", "/openapi.json")[2]["paths"].items():
        for method in methods:
            body = json.dumps(chat).encode() if method == "post" else b""
            yield b"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n%s" % (
                method.upper().encode(), path.replace("{id}", "sha256:" + "0" * 64).encode(), server.port, len(body), body)
    body = json.dumps({"model": "chat", "prompt": "a", "max_tokens": 2, "options": {"num_predict": 2}}).encode()
    yield b"POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
        server.port, len(body), body)


def mutate(draw, data):
    data = bytearray(data)
    for _ in range(draw.choice((0, 1, 1, 2, 4, 16))):
        at, kind = draw.randrange(len(data) + 1), draw.randrange(6)
        if kind == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at:at] = draw.choice(WORDS)
        elif kind == 2:
            del data[at:at + draw.choice((1, 2, 8, 100))]
        elif kind == 3:
            data[at:at] = data[draw.randrange(len(data) + 1):][:draw.choice((1, 10, 200))]
        elif kind == 4:
            data[at:at + 4] = draw.randbytes(4)
        else:
            del data[at:]
    return bytes(data)


def fuzz(leaks):
    seed = random.randrange(1 << 32) if hob.LONG else 7
    print("# seed %d" % seed, flush=True)
    draw = random.Random(seed)
    server = serve.Server("--limit", "header-seconds=2", "--limit", "body-seconds=2", "--limit", "idle-seconds=2",
                          env={"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
                               "ASAN_OPTIONS": "detect_leaks=%d:detect_stack_use_after_return=1" % leaks})
    if SANITIZED:
        assert server.ask("GET", "/health")[2]["sandboxed"] is not bool(leaks)
    server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
    corpus, until, sent, answered = list(seeds(server)), time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < until or answered <= SECONDS * 5:
        data = b"".join(mutate(draw, draw.choice(corpus)) for _ in range(draw.choice((1, 1, 1, 3))))
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
                for piece in (data[:draw.randrange(len(data) + 1)], data):
                    s.sendall(piece)
                    data = data[len(piece):]
                s.settimeout(draw.choice((0, 0.02, 0.1)))
                answered += bool(s.recv(4096))
        except OSError:
            pass
        sent += 1
        if sent % 200 == 0:
            assert server.ask("GET", "/health")[0] == 200
        assert server.process.poll() is None, "".join(server.said)[-5000:]
    assert server.post("/v1/completions", {"model": "chat", "prompt": "a", "max_tokens": 2})
    server.stop()
    said = "".join(server.said)
    assert "ERROR" not in said and "runtime error" not in said, said[-5000:]
    assert all(line.startswith("hob: ") for line in server.said), said[-5000:]
    print("# %d requests, %d answers" % (sent, answered))


runs = [("mutated requests", lambda: fuzz(0))]
if SANITIZED:
    runs.append(("the same, and no leaks", lambda: fuzz(1)))
hob.main(runs)
