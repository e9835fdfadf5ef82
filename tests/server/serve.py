# SPDX-License-Identifier: Apache-2.0
"""What the tests of the server share: a server on a port of its own, and requests by http.client."""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
import hob  # noqa: E402

TINY = os.path.join(hob.MODELS, "tiny-llama-rope3.gguf")
LONG = {"model": "chat", "messages": [{"role": "user", "content": "a"}], "max_tokens": 400, "ignore_eos": True,
        "stream": True}
CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"


def until_it_listens(process):
    """The lines that a server says on standard error until it listens."""
    said = [process.stderr.readline()]
    while said[-1] and "listening on" not in said[-1]:
        said.append(process.stderr.readline())
    assert said[-1], "".join(said)
    return said


class Server:
    def __init__(self, *words, env=None, home=None, port=0):
        self.home = home or os.path.join(hob.TEMP, "serve-%d" % len(os.listdir(hob.TEMP)))
        self.env = dict(os.environ, HOB_HOME=self.home, **(env or {}))
        self.words = words
        self.start(port)

    def start(self, port=0):
        self.process = subprocess.Popen([hob.HOB, "serve", "--listen", "127.0.0.1:%d" % port, *self.words],
                                        env=self.env, stderr=subprocess.PIPE, text=True)
        self.said = until_it_listens(self.process)
        self.port = int(self.said[-1].rsplit(":", 1)[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stderr:
            self.said.append(line)

    def hob(self, *words, **more):
        return hob.run(*words, env={"HOB_HOME": self.home, "HOB_HOST": "127.0.0.1:%d" % self.port}, **more)

    def text(self, *words):
        """The text of `hob run` or `hob generate`, as JSON has it."""
        return json.loads(self.hob(*words, "--json")[1])["text"]

    def create(self, name, modelfile):
        self.hob("create", name, "-f", "-", stdin=modelfile.encode())

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, timeout=60):
        """(status, headers, body as JSON if it is, else text)."""
        connection = self.connect(timeout)
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, headers or {})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        kind = response.headers.get("Content-Type", "")
        return response.status, response.headers, json.loads(text) if text and kind == "application/json" \
            else text.decode()

    def post(self, path, body, ok=200, **more):
        status, headers, answer = self.ask("POST", path, body, **more)
        assert status == ok, (path, status, answer)
        return answer

    def stream(self, path, body, timeout=60):
        """The messages of a stream, as JSON."""
        status, headers, text = self.ask("POST", path, body, timeout=timeout)
        assert status == 200, (path, status, text)
        if headers["Content-Type"] == "application/x-ndjson":
            return [json.loads(line) for line in text.splitlines()]
        assert headers["Content-Type"] == "text/event-stream", headers["Content-Type"]
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]

    def raw(self, data, timeout=60):
        """What the server says to these bytes until it closes or is silent for so long."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as s:
            s.settimeout(timeout)
            answer = b""
            try:
                s.sendall(data)
            except OSError:  # it need not take all of it, and may have answered
                pass
            try:
                while piece := s.recv(65536):
                    answer += piece
            except OSError:
                pass
        return answer

    def send(self, body, path="/v1/chat/completions", timeout=60, headers=None):
        """A connection on which a request was sent, and nothing read."""
        data = json.dumps(body).encode()
        more = "".join("%s: %s\r\n" % row for row in (headers or {}).items())
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        s.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%sContent-Length: %d\r\n\r\n%s"
                  % (path.encode(), self.port, more.encode(), len(data), data))
        return s

    def metrics(self, *names, headers=None):
        """Counts of one moment."""
        text = self.ask("GET", "/metrics", headers=headers)[2]
        found = {line.split()[0]: int(float(line.split()[1])) for line in text.splitlines() if line.startswith("hob_")}
        return tuple(found["hob_" + name] for name in names)

    def metric(self, name):
        return self.metrics(name)[0]

    def memory(self):
        """Resident bytes."""
        with open("/proc/%d/statm" % self.process.pid) as file:
            return int(file.read().split()[1]) * 4096

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def stop(self, ok=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(120)
        assert code == ok, (code, "".join(self.said)[-3000:])

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind:
            self.process.kill()
            self.process.wait()
        else:
            self.stop()


def wait_for(what, seconds=120):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "never happened"
        time.sleep(0.01)


class Endless:
    """Replies that go on as long as somebody reads them, so that what else is asked for surely runs beside them. Wants
    a server with --metrics and a long --ctx."""

    def __init__(self, server, n, model="chat", others=0):
        self.server, self.stop, self.others = server, threading.Event(), others
        wait_for(lambda: server.metric("replies_running") == others)
        self.body = dict(LONG, model=model, max_tokens=10 ** 6)
        self.threads = [threading.Thread(target=self.read) for _ in range(n)]
        for thread in self.threads:
            thread.start()
        wait_for(lambda: server.metric("replies_running") == others + n)

    def read(self):
        with self.server.send(self.body) as s:
            while not self.stop.is_set():
                assert s.recv(1 << 16), "an endless reply ended"

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        wait_for(lambda: self.server.metric("replies_running") <= self.others)
