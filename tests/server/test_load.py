#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hob serve under load: replies equal those of hob run, alone and in company; a minute of 32 clients of all kinds, some
of which leave, send rubbish or never read: no error that was not earned, no place lost, memory flat."""
import concurrent.futures
import json
import os
import random
import socket
import threading
import time

import serve
from serve import hob

SECONDS = float(os.environ.get("HOB_TEST_SECONDS") or (600 if hob.LONG else 60))
S = None
WANT = {}


def options(i):
    return {"seed": i, "max_tokens": 8 + i % 24}


def prepare(i):
    words = ["run", "chat", "Tell %d things" % i, "--seed", str(i), "-n", str(8 + i % 24)]
    return S.text(*words)


def ask(i, stream=False):
    """Request number i in one of the dialects; its text."""
    o, message = options(i), [{"role": "user", "content": "Tell %d things" % i}]
    if i % 3 == 0:
        body = {"model": "chat", "messages": message, "stream": stream,
                "options": {"seed": o["seed"], "num_predict": o["max_tokens"]}}
        lines = S.stream("/api/chat", body) if stream else [S.post("/api/chat", body)]
        return "".join(line["message"]["content"] for line in lines)
    if i % 3 == 1:
        body = dict(o, model="chat", messages=message, stream=stream)
        if not stream:
            return S.post("/v1/chat/completions", body)["choices"][0]["message"]["content"]
        return "".join(p["choices"][0]["delta"].get("content", "") for p in S.stream("/v1/chat/completions", body))
    body = {"model": "chat", "input": "Tell %d things" % i, "stream": stream, "seed": o["seed"],
            "max_output_tokens": o["max_tokens"]}
    if not stream:
        return S.post("/v1/responses", body)["output"][0]["content"][0]["text"]
    return "".join(e["delta"] for e in S.stream("/v1/responses", body) if e["type"] == "response.output_text.delta")


def check_equal(clients):
    overlap = [0]

    def watch(stop):
        while not stop.is_set():
            for line in S.ask("GET", "/metrics")[2].splitlines():
                if line.startswith("hob_replies_running "):
                    overlap[0] = max(overlap[0], int(float(line.split()[1])))
            time.sleep(0.005)
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(stop,))
    watcher.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            numbers = list(range(32)) * (1 if clients == 1 else 3)
            for i, got in zip(numbers, pool.map(lambda i: ask(i, i % 2 == 0), numbers)):
                assert got == WANT[i], (clients, i, got, WANT[i])
    finally:
        stop.set()
        watcher.join()
    assert clients == 1 or overlap[0] >= min(clients, 8) // 2, (clients, overlap)


def send(body, path="/v1/chat/completions"):
    data = json.dumps(body).encode()
    s = socket.create_connection(("127.0.0.1", S.port), timeout=30)
    s.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n%s"
              % (path.encode(), S.port, len(data), data))
    return s


def long_body():
    return {"model": "chat", "messages": [{"role": "user", "content": "a"}], "max_tokens": 400, "ignore_eos": True,
            "stream": True}


def load():
    failures, counts, stop = [], {"good": 0, "left": 0, "bad": 0, "busy": 0}, threading.Event()
    lock = threading.Lock()

    def client(number):
        random.seed(number)
        while not stop.is_set():
            kind = random.random()
            try:
                if kind < 0.75:
                    i = random.randrange(32)
                    got = ask(i, random.random() < 0.5)
                    assert got == WANT[i], (i, got, WANT[i])
                    what = "good"
                elif kind < 0.88:
                    s = send(long_body())
                    if random.random() < 0.7:
                        s.recv(random.choice((1, 100, 4000)))
                    s.close()
                    what = "left"
                else:
                    path, body = random.choice((("/v1/chat/completions", b"{"), ("/api/chat", {"model": "no"}),
                                                ("/v1/messages", {"model": "chat", "messages": []}), ("/nowhere", {}),
                                                ("/api/generate", {"model": "chat", "prompt": "a", "x": 1})))
                    status = S.ask("POST", path, body)[0]
                    assert status in (400, 404), (path, status)
                    what = "bad"
                with lock:
                    counts[what] += 1
            except AssertionError as error:
                if " 503," in str(error):
                    counts["busy"] += 1
                else:
                    failures.append(repr(error)[:2000])
                    return
            except OSError as error:
                failures.append(repr(error))
                return
    threads = [threading.Thread(target=client, args=(n,)) for n in range(30)]
    never = send(dict(long_body(), max_tokens=300))  # never read
    slow = send(dict(long_body(), max_tokens=300))
    for thread in threads:
        thread.start()
    samples, until = [], time.monotonic() + SECONDS
    while time.monotonic() < until and not failures:
        time.sleep(min(1, SECONDS / 20))
        try:
            slow.recv(64)
        except OSError:
            pass
        samples.append((S.memory(), S.descriptors()))
    stop.set()
    for thread in threads:
        thread.join(60)
    never.close()
    slow.close()
    assert not failures, failures[:3]
    assert counts["good"] > 20 and counts["left"] and counts["bad"], counts
    time.sleep(1)
    metrics = S.ask("GET", "/metrics")[2]
    assert "hob_replies_running 0\n" in metrics and "hob_requests_waiting 0\n" in metrics, metrics
    early, late = max(m for m, _ in samples[len(samples) // 4:len(samples) // 2]), max(m for m, _ in samples[-5:])
    assert late < early * 1.1 + (4 << 20), (early, late)
    assert S.descriptors() < samples[0][1] + 12, (samples[0], S.descriptors())
    print("# %s, memory %d -> %d" % (counts, early, late), flush=True)


def full_queue():
    """More requests than places and queue: the rest are told to come back, and when."""
    bodies = [send(dict(long_body(), stream=False, max_tokens=60)) for _ in range(90)]
    statuses = []
    for s in bodies:
        s.settimeout(120)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = s.recv(65536)
            if not piece:
                break
            answer += piece
        statuses.append(int(answer.split()[1]))
        if statuses[-1] == 503:
            assert b"Retry-After: " in answer, answer
        s.close()
    assert set(statuses) == {200, 503}, statuses
    assert statuses.count(200) >= 64, statuses.count(200)


def main():
    global S
    with serve.Server("--parallel", "8", "--metrics", "--keep-alive", "-1") as S:
        S.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        for i in range(32):
            WANT[i] = prepare(i)
        hob.main([("equal at %d clients" % n, lambda n=n: check_equal(n)) for n in (1, 8, 32)] +
                 [("a full queue", full_queue), ("load", load)])


if __name__ == "__main__":
    main()
