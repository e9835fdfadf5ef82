#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each limit of `hob limits`, at its value and one past it, on servers whose limits were set low."""
import json
import os
import select
import socket
import subprocess
import threading
import time

import serve
from serve import hob

HOME = os.path.join(hob.TEMP, "limits")
tested = set()


def start(*more, **limits):
    """A server with these limits."""
    words = [w for name, value in limits.items() for w in ("--limit", "%s=%s" % (name.replace("_", "-"), value))]
    tested.update(name.replace("_", "-") for name in limits)
    return serve.Server(*words, *more, home=HOME)


def status(server, data):
    answer = server.raw(data)
    return int(answer.split()[1]) if answer else 0


def get(server, target="/health", headers=()):
    """A request's bytes, with the line and the fields that the limits count."""
    lines = ["GET %s HTTP/1.1" % target, "Host: 127.0.0.1:%d" % server.port, "Connection: close", *headers]
    return "\r\n".join(lines + ["", ""]).encode()


def test_line():
    with start(line_bytes=100) as server:
        for size, want in ((100, 200), (101, 414)):
            target = "/health?" + "a" * (size - len("GET /health? HTTP/1.1"))
            assert status(server, get(server, target)) == want, size


def test_header_bytes():
    with start(header_bytes=2000) as server:
        for size, want in ((2000, 200), (2001, 431)):
            rest = size - len("GET /health HTTP/1.1") - sum(len(h) + 2 for h in (
                "Host: 127.0.0.1:%d" % server.port, "Connection: close")) - len("X: \r\n")
            assert status(server, get(server, headers=["X: " + "y" * rest])) == want, size
    with start() as server:
        assert status(server, get(server, headers=["X: " + "y" * (1 << 20)])) in (0, 413, 431)
        assert status(server, get(server, "/" + "a" * (60 << 10))) in (414, 431)
        assert status(server, get(server, "/" + "a" * (9 << 10))) == 414
        for n, want in ((100, 200), (101, 431)):
            assert status(server, get(server, headers=["X-%d: y" % i for i in range(n - 2)])) == want, n
        head = get(server, "/api/show", headers=["Content-Length: %d" % (33 << 20)]).replace(b"GET", b"POST")
        assert status(server, head) == 413  # before any of it is sent


def test_headers():
    with start(headers=10) as server:
        for n, want in ((10, 200), (11, 431)):
            assert status(server, get(server, headers=["X-%d: y" % i for i in range(n - 2)])) == want, n


def test_body():
    with start(body_bytes=1000, json_values=20, choices=2) as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        for size, want in ((1000, 400), (1001, 413)):
            assert server.ask("POST", "/api/show", b"x" * size)[0] == want, size
            chunked = b"POST /api/show HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n" \
                      b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (server.port, size, b"x" * size)
            assert status(server, chunked) == want, size
        ask = {"model": "chat", "prompt": "a", "max_tokens": 1}
        for n, want in ((20, 200), (21, 400)):  # the object, its members, and the elements of an array
            for extra in range(30):
                body = dict(ask, stop=["x%d" % i for i in range(extra)])
                if 1 + 4 + extra == n:
                    assert server.ask("POST", "/v1/completions", body)[0] == want, n
        for n, want in ((2, 200), (3, 400)):
            assert server.ask("POST", "/v1/completions", dict(ask, n=n))[0] == want, n
        tested.add("json-depth")
        for depth, want in ((64, b"unknown"), (65, b"nested deeper than 64")):
            body = b'{"model": "chat", "x": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
            answer = server.ask("POST", "/v1/completions", body)
            assert answer[0] == 400 and (b"nested" in json.dumps(answer[2]).encode()) == (depth == 65), (depth, answer)


def test_embeddings():
    with start(inputs=2, vector_numbers=10 ** 9) as server:
        server.create("chat", "FROM %s\n" % serve.TINY)
        for n, want in ((2, 200), (3, 400)):
            assert server.ask("POST", "/api/embed", {"model": "chat", "input": ["a"] * n})[0] == want, n
        width = len(server.post("/api/embed", {"model": "chat", "input": "a"})["embeddings"][0])
    with start(vector_numbers=2 * width) as server:
        for n, want in ((2, 200), (3, 400)):
            assert server.ask("POST", "/api/embed", {"model": "chat", "input": ["a"] * n})[0] == want, n


def cpu(server):
    """Seconds of processors that it has had."""
    with open("/proc/%d/stat" % server.process.pid) as file:
        return sum(map(int, file.read().rsplit(")")[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def test_text():
    """Long texts keep nobody else waiting, and their work ends when their client leaves."""
    def chat(server):
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))

    with start(text_bytes=10) as server:
        chat(server)
        for size, want in ((10, 200), (11, 400)):
            assert server.ask("POST", "/tokenize", {"model": "chat", "content": "a" * size})[0] == want, size
    with start("--ctx", "64", text_bytes=40 << 20) as server:
        chat(server)
        long, short = {"model": "chat", "content": "ab" * (15 << 20)}, {"model": "chat", "content": "a"}
        begun = cpu(server)
        server.post("/tokenize", long)
        whole, begun = cpu(server) - begun, cpu(server)
        held = [server.send(long, "/tokenize") for _ in range(4)]
        assert server.ask("GET", "/api/tags")[0] == 200
        assert server.ask("POST", "/tokenize", short, {"Authorization": "Bearer another"})[0] == 200
        assert not select.select(held, [], [], 0)[0]
        for one in held:
            one.close()
        assert server.ask("POST", "/tokenize", short)[0] == 200  # its owner's places are free again
        assert cpu(server) - begun < 3 * whole, (cpu(server) - begun, whole)
        begun = cpu(server)
        for path, body in (("/v1/completions", {"prompt": long["content"]}),
                           ("/v1/chat/completions", {"messages": [{"role": "user", "content": long["content"][:6 << 20]}]})):
            code, _, answer = server.ask("POST", path, dict(body, model="chat"))
            assert code == 400 and "the context 64" in answer["error"]["message"], answer
            assert answer["error"]["code"] == "context_length_exceeded", answer
        assert cpu(server) - begun < whole, (cpu(server) - begun, whole)


def test_requests():
    with start(requests=3) as server:
        one = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port
        assert server.raw(one * 2 + get(server)).count(b"200 OK") == 3
        assert server.raw(one * 4).count(b"200 OK") == 3


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # nothing is sent
            return s.getsockname()[0]
        except OSError:
            return None


def opened(server, n, want, address="127.0.0.1"):
    """Whether `want` of `n` connections, all open at once, are answered, and no more."""
    sockets = [socket.create_connection((address, server.port), timeout=60) for _ in range(n)]
    silent, answered = set(sockets), 0
    for s in sockets:
        try:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (address.encode(), server.port))
        except OSError:  # it was refused
            silent.remove(s)
    while silent:
        ready = select.select(silent, [], [], 60 if answered < want else 0.5)[0]
        if not ready:
            break
        silent -= set(ready)
        for s in ready:
            try:
                answered += b"200 OK" in s.recv(1000)
            except OSError:  # it was refused
                pass
    for s in sockets:
        s.close()
    return answered == want


def test_connections():
    with start(connections=4) as server:
        assert opened(server, 4, 4)
        serve.wait_for(lambda: opened(server, 5, 4))  # once those before are gone
    with start("--listen", "0.0.0.0:0", "--allow-no-key", "--allow-no-tls", connections_address=3) as server:
        assert opened(server, 10, 10)  # not of loopback
        address = own_address()
        if address:
            assert opened(server, 3, 3, address)
            serve.wait_for(lambda: opened(server, 4, 3, address))
        else:
            print("# no address but loopback")


def cut_after(server, first, then=b"", pause=0.2):
    """Seconds until the server ends a connection that sends `first`, then `then` again and again; and what it says."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as s:
        s.sendall(first)
        s.settimeout(pause)
        said = b""
        while time.monotonic() - began < 120:
            try:
                piece = s.recv(1000)
                said += piece
                if not piece:
                    break
            except TimeoutError:
                pass
            except OSError:
                break
            try:
                s.sendall(then)
            except OSError:
                pass
    return time.monotonic() - began, said


def rate(found):
    with start(body_rate=100000) as server:
        head = b"POST /api/show HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 9000000\r\n\r\n" % server.port
        found["rate"] = cut_after(server, head, b"x" * 1000)


def test_times():
    """Deadlines are of the whole, however the bytes trickle in: they would last for longer than anyone waits here."""
    with start(header_seconds=1, body_seconds=2, idle_seconds=3) as server:
        head = b"POST /api/show HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 100000\r\n\r\n" % server.port
        chunked = b"POST /api/show HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nTransfer-Encoding: chunked\r\n\r\n" % server.port
        whole = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port
        found = {}
        beside = threading.Thread(target=rate, args=(found,))
        beside.start()
        cases = {"header": (b"GET / HTTP/1.1\r\n", b"X: y\r\n"), "unended": (whole[:-2], b""), "body": (head, b"x" * 2000),
                 "chunks": (chunked, b"1\r\nx\r\n"), "idle": (whole, b""), "second": (whole, b"X")}
        threads = [threading.Thread(target=lambda n=name, c=case: found.update({n: cut_after(server, *c)}))
                   for name, case in cases.items()]
        for thread in threads:
            thread.start()
        assert server.ask("GET", "/health")[0] == 200
        for thread in threads + [beside]:
            thread.join()
        for name, least, word in (("rate", 5, b"408"), ("header", 1, b"408"), ("unended", 1, b"408"), ("body", 2, b"408"),
                                  ("chunks", 2, b"408"), ("idle", 2, b"200"), ("second", 3, b"408")):
            seconds, said = found[name]
            assert least <= seconds < 120 and word in said, (name, seconds, said)


def test_responses():
    """How long, how many of an owner, how many bytes of all."""
    with start(responses=2) as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))

        def there(name):
            return server.ask("GET", "/v1/responses/" + name)[0]
        ids = [server.post("/v1/responses", {"model": "chat", "input": "a", "max_output_tokens": 1})["id"] for _ in range(3)]
        assert [there(i) for i in ids[1:]] == [200, 200] and there(ids[0]) == 404, [there(i) for i in ids]
        other = {"Authorization": "Bearer other"}
        server.post("/v1/responses", {"model": "chat", "input": "a", "max_output_tokens": 1}, headers=other)
        server.post("/v1/responses", {"model": "chat", "input": "a", "max_output_tokens": 1}, headers=other)
        assert [there(i) for i in ids[1:]] == [200, 200]  # another's take no place of theirs
    with start(response_seconds=1) as server:
        name = server.post("/v1/responses", {"model": "chat", "input": "a", "max_output_tokens": 1})["id"]
        serve.wait_for(lambda: there(name) == 404)
        late = {"model": "chat", "input": "b", "max_output_tokens": 1, "previous_response_id": name}
        server.post("/v1/responses", late, ok=404)
    with start("--ctx", "4096", response_bytes=11000) as server:
        ids = []
        for word in "abc":  # each of another owner: the bytes of all count, and the oldest goes
            body = {"model": "chat", "input": word * 500, "max_output_tokens": 1, "instructions": "x" * 2000, "metadata": {
                "a": word * 400}}
            headers = {"Authorization": "Bearer " + word}
            ids.append((server.post("/v1/responses", body, headers=headers)["id"], headers))
        kept = [server.ask("GET", "/v1/responses/" + name, headers=headers)[0] for name, headers in ids]
        assert kept == [404, 200, 200], kept
    with start("--ctx", "4096", owner_response_bytes=11000) as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        asks = [("a", 400), ("b", 400), ("a", 400), ("a", 400), ("a", 12000)]  # the last is too large, and nothing goes for it
        ids = []
        for word, n in asks:
            headers = {"Authorization": "Bearer " + word}
            body = {"model": "chat", "input": "x" * 500, "max_output_tokens": 1, "instructions": "x" * 2000, "metadata": {
                "a": "x" * n}}
            ids.append((server.post("/v1/responses", body, headers=headers)["id"], headers))
        kept = [server.ask("GET", "/v1/responses/" + name, headers=headers)[0] for name, headers in ids]
        assert kept == [404, 200, 200, 200, 404], kept


def test_queue():
    with start("--parallel", "1", "--ctx", "200000", "--metrics", queue=2) as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        server.post("/v1/completions", {"model": "chat", "prompt": "a", "max_tokens": 1})
        endless = {"model": "chat", "messages": [{"role": "user", "content": "a"}], "max_tokens": 10 ** 5, "ignore_eos": True}
        held = [server.send(endless) for _ in range(3)]
        serve.wait_for(lambda: server.metrics("replies_running", "requests_waiting") == (1, 2))
        code, headers, _ = server.ask("POST", "/v1/completions", {"model": "chat", "prompt": "a", "max_tokens": 1})
        assert code == 503 and 1 <= int(headers["Retry-After"]) <= 120
        for s in held:
            s.close()


def test_stalled():
    """A reader that takes next to nothing, or nothing for long, costs its own reply and no more memory than the limit. By
    a UNIX socket, whose buffers are small."""
    tested.add("stalled-bytes")
    path = os.path.join(hob.TEMP, "stalled.sock")
    body = json.dumps({"model": "chat", "prompt": "a", "max_tokens": 10 ** 6, "ignore_eos": True, "stream": True})

    def ask(s, line, text=""):
        s.connect(path)
        s.sendall(("%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
            line, len(text), text)).encode())

    def listens():
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(path) == 0

    def cancelled():
        with socket.socket(socket.AF_UNIX) as s:
            ask(s, "GET /metrics")
            text = b""
            while piece := s.recv(1 << 16):
                text += piece
        return b"hob_generations_cancelled_total 1\n" in text

    for limit, reads in (("stalled-bytes=20000", True), ("idle-seconds=1", False)):
        process = subprocess.Popen([hob.HOB, "serve", "--listen", "unix:" + path, "--ctx", "2000000", "--metrics", "--limit",
                                    limit], stderr=subprocess.DEVNULL, env=dict(hob.ENV, HOB_HOME=HOME))
        serve.wait_for(listens)
        try:
            with socket.socket(socket.AF_UNIX) as s:
                ask(s, "POST /v1/completions", body)
                while not cancelled():
                    time.sleep(0.01)
                    if reads:
                        s.recv(1)  # nothing, where the reply was cut before its first byte went out
        finally:
            process.terminate()
            assert process.wait(120) == 0


def test_drain():
    with start("--ctx", "200000", drain_seconds=1) as server:
        server.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        held = server.send({"model": "chat", "messages": [{"role": "user", "content": "a"}], "max_tokens": 10 ** 5,
                            "ignore_eos": True})
        serve.wait_for(lambda: len(server.ask("GET", "/api/ps")[2]["models"]) == 1)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began > 0.9
        held.close()


def test_table():
    """The table that is printed is the one the server has; each row was tested here, or is named with where."""
    elsewhere = {"key-milliseconds",  # test_guard.py
                 "queue-seconds", "load-seconds"}  # test_residents.py
    rows = hob.run_json("limits")
    assert {row["name"] for row in rows} == tested | elsewhere, {row["name"] for row in rows} ^ (tested | elsewhere)
    with start(headers=7) as server:
        for row, now in zip(rows, server.ask("GET", "/limits")[2]):
            assert row["name"] == now["name"] and now["value"] == (7 if row["name"] == "headers" else row["value"]), row
    for bad in ("headers=0", "headers=-1", "headers=x", "headers", "nothing=1", "json-depth=65", "headers=1e9"):
        assert hob.run("serve", "--listen", "127.0.0.1:0", "--limit", bad, ok=(2,))[2].count("\n") == 1


hob.main([(name[5:], function) for name, function in list(globals().items()) if name.startswith("test_")])
