#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may ask: Host, Origin, framing, keys and their scopes, TLS; what is asked for in vain."""
import concurrent.futures
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import serve
from serve import hob

S = None
CLOSE = "Connection: close"


def send(server, lines, body=b"", timeout=60):
    return server.raw("\r\n".join(lines + ["", ""]).encode() + body, timeout)


def status(lines, body=b"", server=None):
    answer = send(server or S, lines, body)
    return int(answer.split()[1]) if answer else 0


def host(server=None):
    return "Host: 127.0.0.1:%d" % (server or S).port


def routes(server, headers=None):
    document = server.ask("GET", "/openapi.json", headers=headers)[2]
    return [(m.upper(), p.replace("{id}", "none")) for p, methods in document["paths"].items() for m in methods]


def test_host():
    get = "GET /api/tags HTTP/1.1"
    assert status([get, host(), CLOSE]) == 200 and status([get, "Host: LOCALHOST:%d" % S.port, CLOSE]) == 200
    assert status([get, "Host: [::1]:%d" % S.port, CLOSE]) == 200
    for bad in ("Host: evil.example", "Host: 127.0.0.1", "Host: 127.0.0.1.evil:%d" % S.port, "Host: localhost:1", "Host:",
                "Host: x.local:%d" % S.port, "Host: x.local", "Host: 127.0.0.1.evil", "Host: 127.0.0.1:%d/" % S.port, "Host: a@127.0.0.1:%d" % S.port,
                "Host: 127.0.0.1:%d,evil" % S.port, "Host: 127.0.0.1:0%d" % S.port, "Host: localhost.:%d" % S.port,
                "Host: 127.1:%d" % S.port, "Host: 2130706433:%d" % S.port, "Host: xn--localhost:%d" % S.port):
        assert status([get, bad, CLOSE]) in (400, 403), bad
    assert status([get, CLOSE]) in (400, 403) and status([get, host(), host(), CLOSE]) == 400
    assert status([get, host(), "hOST: evil.example", CLOSE]) == 400
    assert status([get, "Host: \t127.0.0.1:%d \t " % S.port, CLOSE]) == 200  # space around it is no part of it
    assert status(["GET /api/tags HTTP/1.0"]) == 200  # what is this old is no browser
    assert status(["GET /api/tags HTTP/1.0", "Host: evil.example"]) == 403
    assert status(["GET /api/tags HTTP/1.0", "Origin: http://127.0.0.1:%d" % S.port]) == 403


def test_absolute():
    """A target may name this server in full, as Host does."""
    own = "http://127.0.0.1:%d" % S.port
    for target, named, want in ((own + "/api/version", host(), 200), (own, host(), 200), (own + "?a", host(), 200),
                                (own.upper() + "/api/version", host(), 200), (own + "1/", host(), 404),
                                (own + "@evil/", host(), 404), ("http://evil/", host(), 404), ("http:///", host(), 404),
                                ("https" + own[4:] + "/", host(), 404), ("http://evil/", "Host: evil", 403)):
        assert status(["GET %s HTTP/1.1" % target, named, CLOSE]) == want, (target, named)


def test_origin():
    """No page of another origin gets anything, on any route; ours does."""
    for origin in ("null", "https://evil", "http://localhost.evil", "file://", "http://localhost:1", "",
                   "https://127.0.0.1:%d" % S.port, "http://127.0.0.1:%d.evil" % S.port, "http://localhost:%d" % S.port):
        for method in ("GET", "OPTIONS", "HEAD"):
            answer = send(S, [method + " /api/tags HTTP/1.1", host(), CLOSE, "Origin: " + origin])
            assert answer.split()[1] == b"403" and b"Access-Control" not in answer, (origin, answer)
    for method, path in routes(S):
        for header in ("Origin: https://evil", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"):
            assert status(["%s %s HTTP/1.1" % (method, path), host(), CLOSE, header]) == 403, (method, path, header)
    own = "Origin: http://127.0.0.1:%d" % S.port
    assert status(["GET /api/tags HTTP/1.1", host(), CLOSE, own, "Sec-Fetch-Site: same-origin"]) == 200
    assert status(["GET /api/tags HTTP/1.1", host(), CLOSE, own, own]) == 400


def test_named_origin():
    with serve.Server("--allow-origin", "https://ours.example", home=S.home) as server:
        ours, evil = "Origin: https://ours.example", "Origin: https://evil"
        answer = send(server, ["OPTIONS /api/chat HTTP/1.1", host(server), CLOSE, ours])
        assert answer.split()[1] == b"204" and b"Access-Control-Allow-Origin: https://ours.example" in answer, answer
        answer = send(server, ["GET /api/tags HTTP/1.1", host(server), CLOSE, ours, "Sec-Fetch-Site: cross-site"])
        assert answer.split()[1] == b"200" and b"Access-Control-Allow-Origin: https://ours.example" in answer, answer
        answer = send(server, ["OPTIONS /api/chat HTTP/1.1", host(server), CLOSE, evil])
        assert answer.split()[1] == b"403" and b"Access-Control" not in answer


def test_types():
    """A page must send JSON as JSON; who sends no Origin may send it as anything."""
    body = json.dumps({"model": "chat"}).encode()
    post = ["POST /api/show HTTP/1.1", host(), CLOSE, "Content-Length: %d" % len(body)]
    page = ["Origin: http://127.0.0.1:%d" % S.port]
    for more, want in ((page + ["Content-Type: text/plain"], 415), (page, 415),
                       (page + ["Content-Type: application/json-not"], 415),
                       (["Sec-Fetch-Site: same-origin", "Content-Type: application/x-www-form-urlencoded"], 415),
                       (["Sec-Fetch-Site: none", "Content-Type: multipart/form-data"], 415),
                       (page + ["Content-Type: application/json"], 200),
                       (page + ["Content-Type: Application/JSON; charset=utf-8"], 200),
                       (["Content-Type: text/plain"], 200), (["Content-Type: application/x-www-form-urlencoded"], 200),
                       ([], 200), (["Content-Encoding: gzip"], 415), (["Content-Encoding: zstd"], 415)):
        assert status(post + more, body) == want, (more, want)


def test_framing():
    post, get = ["POST /api/show HTTP/1.1", host(), CLOSE], b"GET /health HTTP/1.1\r\n%s\r\n\r\n" % host().encode()
    for bad in (["Content-Length: 5", "Transfer-Encoding: chunked"], ["Content-Length: 5", "Content-Length: 5"],
                ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: +5"], ["Content-Length:  5"], ["Content-Length: 0x5"],
                ["Content-Length: -5"], ["Content-Length: 5 5"], ["Content-Length: 5,5"], ["Content-Length: "],
                ["Content-Length: 18446744073709551616"], ["Content-Length: 99999999999999999999"],
                ["Transfer-Encoding: gzip"], ["Transfer-Encoding: chunked, gzip"], ["X : y"], ["X\x01: y"], ["X: a\x01b"],
                ["X\x7f: y"], ["X: a\x7fb"]):
        assert status(post + bad, b"hello") in (0, 400, 413, 501), bad
        answer = send(S, post[:2] + bad, b"hello" + get * 3, 1)
        assert b" 200 " not in answer, (bad, answer)  # nor is what follows taken for a request
    for lines in ("GET /health HTTP/1.1\n%s\r\n\r\n", "GET /health HTTP/1.1\r\n%s\n\r\n", "GET /health HTTP/1.1\r\n%s\r\n\n",
                  "GET /health HTTP/1.1\n%s\n\n", "GET /health HTTP/1.1\r\nX: a\nY: b\r\n%s\r\n\r\n",
                  "GET /health HTTP/1.1\r\n%s\r\nX: a\r\n b\r\n\r\n", "GET /health HTTP/1.1\r\n%s\r\nX: a\r\n\tY: b\r\n\r\n",
                  "GET /health HTTP/1.1\r\nX: a\r\n  \r\n%s\r\n\r\n", "GET /health HTTP/1.1\r\n%s\r\nX: a\0b\r\n\r\n",
                  "GET /health HTTP/1.1\r\n%s\r\nX\0: b\r\n\r\n", "GET /health\0 HTTP/1.1\r\n%s\r\n\r\n",
                  "GET  /health HTTP/1.1\r\n%s\r\n\r\n", "GET /health  HTTP/1.1\r\n%s\r\n\r\n",
                  "GET /health HTTP/1.1 \r\n%s\r\n\r\n", "GET /health\tHTTP/1.1\r\n%s\r\n\r\n",
                  "GET /health HTTP/1.1\r\n %s\r\n\r\n", "GET /health HTTP/1.1\r\nX\r\n%s\r\n\r\n"):
        answer = S.raw((lines % (host() + "\r\n" + CLOSE)).encode())
        assert answer.split()[1:2] in ([], [b"400"], [b"505"]), (lines, answer)
        answer = S.raw((lines % host()).encode() + ("GET /health HTTP/1.1\r\n%s\r\n\r\n" % host()).encode(), 1)
        assert b" 200 " not in answer, (lines, answer)  # nor is what follows taken for a request
    for lines in ("GET /health?a=b&c=%%20 HTTP/1.1\r\n%s\r\n%s\r\n\r\n", "GET /health HTTP/1.0\r\n%s\r\n%s\r\n\r\n",
                  "GET /health HTTP/1.1\r\nX:\r\nY:b\r\nZ: \t c\r\nZ: c \t\r\nCookie: a=b; c=d\r\n%s\r\n%s\r\n\r\n",
                  "\r\nGET /health HTTP/1.1\r\n%s\r\n%s\r\n\r\n"):
        answer = S.raw((lines % (host(), CLOSE)).encode())
        assert answer.split()[1] == b"200", (lines, answer)
    for target in ("/api/ver sion", "/api/version\x01", "/api/version\x7f", "/api/version\t", "/api/version?a=\x02"):
        assert status(["GET %s HTTP/1.1" % target, host(), CLOSE]) == 400, target
    answer = send(S, ["GET /api/version HTTP/1.1", CLOSE])
    assert answer.count(b"HTTP/1.1 400") == 1 and "error" in json.loads(answer.split(b"\r\n\r\n")[1]), answer
    for size in (b"FFFFFFFFFFFFFFFF", b"fffffffffffffffff", b"-1", b"0x5", b"5;" + b"a" * 60000, b"g"):
        answer = send(S, post + ["Transfer-Encoding: chunked"], size + b"\r\nhello\r\n0\r\n\r\n", 1)
        assert not answer or answer.split()[1][:1] in (b"4", b"5"), (size[:20], answer)  # the HTTP library's own words
    assert S.ask("GET", "/health")[2]["status"] == "ok"


def test_paths():
    get = [host(), CLOSE]
    for path in ("/../../etc/passwd", "/%2e%2e/x", "/%2e%2e%2f%2e%2e%2fetc/passwd", "//", "/\\..\\", "/debug/pprof",
                 "/metrics", "/api", "/v1/", "/api/tags/", "/API/TAGS", "http://evil/", "http://evil/api/tags", "*",
                 "/v1/models/../../etc/passwd", "/v1/models/%00", "/api/blobs/sha256:../../etc/passwd"):
        assert status(["GET %s HTTP/1.1" % path] + get) in (400, 403, 404, 405), path
    assert S.ask("GET", "/v1/models/chat%3Alatest")[2]["id"].startswith("chat")
    S.post("/api/copy", {"source": "chat", "destination": "hf.co/a/b:q4"})
    for path in ("hf.co%2Fa%2fb%3Aq4", "hf.co/a/b:q4", "%68f.co%2Fa%2Fb:q4"):
        assert S.ask("GET", "/v1/models/" + path)[0] == 200, path
    for path in ("%00", "chat%00", "%2e%2e", "a%2F..%2Fb", "%2E%2e/x", "%zz", "%4", "%", "chat%253Alatest", "%0a", "%ff"):
        assert S.ask("GET", "/v1/models/" + path)[0] == 400, path
    for method, path, want in (("PUT", "/api/tags", 405), ("GET", "/api/chat", 405), ("TRACE", "/", 405),
                               ("CONNECT", "evil:443", 405), ("BREW", "/", 405)):
        assert status(["%s %s HTTP/1.1" % (method, path)] + get) in (400, 404, want), (method, path)
    assert status(["GET / HTTP/3.0"] + get) in (0, 400, 505) and status(["GET /"] + get) in (0, 400, 505)


def test_junk():
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", os.urandom(1024),
                 b"\0" * 1024, b"GET", b"\r\n" * 1000):
        answer = S.raw(junk + b"\r\n\r\n", 0.5)
        assert answer.split()[1:2] in ([], [b"400"], [b"505"]), (junk[:20], answer)
    with serve.Server("--limit", "requests=10000", home=S.home) as server:
        one = b"GET /%s HTTP/1.1\r\n" + host(server).encode() + b"\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), 60) as s:
            sender = threading.Thread(target=lambda: s.sendall((one % b"health" + one % b"api/version") * 5000))
            sender.start()
            many = b""
            while piece := s.recv(1 << 20):
                many += piece
            sender.join()
    assert re.findall(rb'HTTP/1.1 (\d+)|^\{"(status|version)"', many, re.M) == [
        (b"200", b""), (b"", b"status"), (b"200", b""), (b"", b"version")] * 5000
    assert S.ask("GET", "/health")[2]["status"] == "ok"


def test_resets():
    """A client that resets its connection in a stream costs nobody anything."""
    with serve.Server("--ctx", "200000", "--metrics", home=S.home) as server:
        for n in range(5):
            s = server.send(dict(serve.LONG, max_tokens=10 ** 5))
            s.recv(100)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
            serve.wait_for(lambda: server.metric("generations_cancelled_total") == n + 1)
        assert server.post("/v1/completions", {"model": "chat", "prompt": "a", "max_tokens": 2})


def test_keys():
    """Keys are digests in a file of one's own; a key that may use may not manage; wrong ones wait."""
    path = os.path.join(hob.TEMP, "keys")
    use = hob.run("key", path)[1].decode().strip()
    manage = hob.run("key", path, "--manage")[1].decode().strip()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert use not in text and manage not in text and os.stat(path).st_mode & 0o777 == 0o600, text
    with serve.Server("--key-file", path, "--metrics", "--limit", "key-milliseconds=100", home=S.home) as server:
        bearer = {"Authorization": "Bearer " + use}
        for headers, want in (({}, 401), (bearer, 200), ({"x-api-key": manage}, 200), ({"Authorization": "Bearer "}, 401),
                              ({"Authorization": "Bearer " + use[:-1]}, 401), ({"x-api-key": use + "0"}, 401),
                              ({"Authorization": "Basic " + use}, 401), ({"x-api-key": text.split(":")[1].split()[0]}, 401)):
            start = time.monotonic()
            assert server.ask("GET", "/api/tags", headers=headers)[0] == want, headers
            assert want != 401 or time.monotonic() - start > 0.09
        def unasked(row):
            return server.ask(row[0], row[1], b"{" if row[0] == "POST" else None)[0]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            rows = routes(server, bearer)
            for row, got in zip(rows, pool.map(unasked, rows)):
                assert got == (200 if row[1] in ("/", "/health", "/api/version") else 401), (row, got)
        many = []
        threads = [threading.Thread(target=lambda: many.append(server.ask("GET", "/api/tags", headers={"x-api-key": "x"})[0]))
                   for _ in range(20)]
        for thread in threads:
            thread.start()
        assert server.ask("GET", "/api/tags", headers=bearer)[0] == 200  # nobody else waits
        for thread in threads:
            thread.join()
        assert many == [401] * 20
        copy = {"source": "chat", "destination": "copied"}
        assert server.ask("POST", "/api/copy", copy, bearer)[0] == 403
        assert server.ask("DELETE", "/api/delete", {"model": "chat"}, bearer)[0] == 403
        assert server.ask("POST", "/api/create", {"model": "x", "from": "chat"}, bearer)[0] == 403
        assert server.ask("POST", "/api/blobs/sha256:" + "0" * 64, b"x", bearer)[0] == 403
        assert server.ask("POST", "/api/copy", copy, {"x-api-key": manage})[0] == 200
        assert server.ask("DELETE", "/api/delete", {"model": "copied"}, {"x-api-key": manage})[0] == 200
        assert "hob_sandboxed" in server.ask("GET", "/metrics", headers=bearer)[2]
        assert use not in "".join(server.said) and "x-api-key" not in "".join(server.said)
    with serve.Server("--key-file", path, "--limit", "key-milliseconds=1", home=S.home) as server:
        wrong = "GET /api/tags HTTP/1.1\r\n%s\r\nAuthorization: Bearer %s\r\n\r\n" % (host(server), use[:-1])
        for _ in range(20):
            many = [socket.create_connection(("127.0.0.1", server.port), 60) for _ in range(500)]
            for s in many:
                s.sendall(wrong.encode())
            assert {s.recv(12) for s in many} == {b"HTTP/1.1 401"}
            for s in many:
                s.close()
        assert server.ask("GET", "/api/tags", headers=bearer)[0] == 200
    for content, mode, code in ((text, 0o644, 6), ("my-secret-key\n", 0o600, 2), ("use sha256:12\n", 0o600, 2),
                                ("", 0o600, 2), ("root sha256:" + "0" * 64, 0o600, 2)):
        bad = os.path.join(hob.TEMP, "bad-keys")
        with open(bad, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(bad, mode)
        said = hob.run("serve", "--listen", "127.0.0.1:0", "--key-file", bad, ok=(code,))[2]
        assert said.count("\n") == 1 and "my-secret-key" not in said, said


def test_none_needed():
    """A key that a client must send and the server does not need is passed over."""
    assert S.ask("GET", "/api/tags", headers={"Authorization": "Bearer anything"})[0] == 200
    assert S.ask("GET", "/api/tags", headers={"x-api-key": "anything"})[0] == 200


def test_reach():
    """Beyond this machine: a key and TLS, or a word for each that is missing."""
    path = os.path.join(hob.TEMP, "reach-keys")
    hob.run("key", path)
    for words in ((), ("--key-file", path), ("--allow-no-tls",), ("--allow-no-key",)):
        said = hob.run("serve", "--listen", "0.0.0.0:0", *words, ok=(6,))[2]
        assert said.count("\n") == 1 and "--allow-no-" in said, said
    hob.run("serve", "--tls-cert", path, ok=(2,))
    with serve.Server("--listen", "0.0.0.0:0", "--allow-no-key", "--allow-no-tls", home=S.home) as server:
        get = "GET /api/tags HTTP/1.1"
        assert status([get, host(server), CLOSE], server=server) == 200
        assert status([get, "Host: 192.0.2.1:%d" % server.port, CLOSE], server=server) == 200
        for name in ("evil.example", "1.evil.example", "1", "a:1"):  # names that a page's owner can make mean it
            assert status([get, "Host: " + name, CLOSE], server=server) in (200, 403)
        assert status([get, "Host: evil.example", CLOSE], server=server) == 403


def test_ipv6():
    """An address of IPv6 is told in brackets, whether or not it was given so."""
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError as error:
        raise hob.Skip("no IPv6: %s" % error)
    for words in ("::1", "[::1]:0"):
        process = subprocess.Popen([hob.HOB, "serve", "--listen", words], stderr=subprocess.PIPE, text=True,
                                   env=dict(hob.ENV, HOB_HOME=S.home))
        try:
            said = process.stderr.readline()
            while "not sandboxed" in said:
                said = process.stderr.readline()
            assert "http://[::1]:" in said or "[::1]:11434 is taken" in said, said
        finally:
            process.terminate()
            process.wait(120)


def test_tls():
    cert, key = (os.path.join(hob.TEMP, name) for name in ("cert.pem", "key.pem"))
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    except FileNotFoundError:
        raise hob.Skip("no openssl")
    path = os.path.join(hob.TEMP, "tls-keys")
    secret = hob.run("key", path)[1].decode().strip()
    process = subprocess.Popen([hob.HOB, "serve", "--listen", "0.0.0.0:0", "--key-file", path, "--tls-cert", cert,
                                "--tls-key", key], stderr=subprocess.PIPE, text=True, env=dict(hob.ENV, HOB_HOME=S.home))
    try:
        line = serve.until_it_listens(process)[-1]
        assert "https://0.0.0.0:" in line, line
        port = int(line.rsplit(":", 1)[1])
        context = ssl.create_default_context(cafile=cert)
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60), server_hostname="localhost") as s:
            s.sendall(("GET /api/tags HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
                       "Origin: https://localhost:%d\r\n\r\n" % (port, secret, port)).encode())
            answer = b""
            while piece := s.recv(65536):
                answer += piece
        assert b"200 OK" in answer and b'"models"' in answer, answer
        with socket.create_connection(("127.0.0.1", port), 60) as s:
            s.sendall(b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                assert b"200 OK" not in s.recv(1000)
            except ConnectionResetError:
                pass
    finally:
        process.terminate()
        process.wait(120)
    assert hob.run("serve", "--listen", "127.0.0.1:0", "--tls-cert", path, "--tls-key", path, ok=(5,))[2].count("\n") == 1


def test_unix():
    """A UNIX socket is ours alone, and goes with the server."""
    path = os.path.join(hob.TEMP, "hob.sock")
    process = subprocess.Popen([hob.HOB, "serve", "--listen", "unix:" + path], stderr=subprocess.PIPE, text=True,
                               env=dict(hob.ENV, HOB_HOME=S.home))
    assert "unix:" in serve.until_it_listens(process)[-1] and os.stat(path).st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"GET /api/tags HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in s.recv(1000)
    assert hob.run("serve", "--listen", "unix:" + path, ok=(5,))[2].count("\n") == 1
    assert hob.run("ps", env={"HOB_HOST": "unix:" + path})[1]
    process.terminate()
    assert process.wait(120) == 0 and not os.path.exists(path)
    process = subprocess.Popen([hob.HOB, "serve", "--listen", "unix:" + path], stderr=subprocess.PIPE, text=True, env=hob.ENV)
    serve.until_it_listens(process)
    process.kill()
    process.wait()
    serve.wait_for(lambda: not os.path.exists(path))


def test_privacy():
    found = S.ask("GET", "/api/privacy")[2]
    health = S.ask("GET", "/health")[2]
    assert found["sandboxed"] == health["sandboxed"] == S.ask("GET", "/api/ps")[2]["sandboxed"]
    if not found["sandboxed"]:
        raise hob.Skip("this system has no walls: %s" % found["missing"])
    assert found["open"] == 0 and len(found["exits"]) >= 50 and all(row["held"] for row in found["exits"]), found


def main():
    global S
    S = serve.Server()
    S.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]
    try:
        hob.main(tests + [("stops", S.stop)])
    finally:
        S.process.kill()


if __name__ == "__main__":
    main()
