#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hob serve under load: replies equal those of hob run, alone and in company; a minute of 32 clients of all kinds, some
of which leave, send rubbish or never read: no error that was not earned, no place lost, memory flat."""
import concurrent.futures
import os
import random
import threading
import time

import serve
from serve import hob

SECONDS = float(os.environ.get("HOB_TEST_SECONDS") or (600 if hob.LONG else 60))
PARALLEL = 8
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
    """All clients are let go at once, in company that does not end: every place is taken in the steps between."""
    company = min(clients, PARALLEL) - 1
    gate, each = threading.Barrier(clients), max(4, 32 // clients)

    def client(c):
        gate.wait()
        for i in range(c * each % 32, c * each % 32 + each):
            got = ask(i, (i + c) % 2 == 0)
            assert got == WANT[i], (clients, i, got, WANT[i])
    with serve.Endless(S, company), concurrent.futures.ThreadPoolExecutor(clients) as pool:
        before = S.metrics("steps_total", "step_replies_total")
        list(pool.map(client, range(clients)))
        steps, replies = (after - b for after, b in zip(S.metrics("steps_total", "step_replies_total"), before))
    assert replies >= steps * company + clients * each, (steps, replies, company)  # each is a token, at least
    print("# %d clients: %.2f replies a step" % (clients, replies / steps), flush=True)


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
                    s = S.send(serve.LONG)
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
    never = S.send(dict(serve.LONG, max_tokens=300))  # never read
    slow = S.send(dict(serve.LONG, max_tokens=300))
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
    serve.wait_for(lambda: S.metrics("replies_running", "requests_waiting") == (0, 0))
    early, late = max(m for m, _ in samples[len(samples) // 4:len(samples) // 2]), max(m for m, _ in samples[-5:])
    assert late < early * 1.1 + (4 << 20), (early, late)
    assert S.descriptors() < samples[0][1] + 12, (samples[0], S.descriptors())
    print("# %s, memory %d -> %d" % (counts, early, late), flush=True)


def full_queue():
    """With every place taken, as many wait as the queue holds; one more is told to come back, and when."""
    limits = {row["name"]: row["value"] for row in S.ask("GET", "/limits")[2]}
    most = limits["queue"]
    with serve.Endless(S, PARALLEL):
        waiting = [S.send(dict(serve.LONG, stream=False, max_tokens=5)) for _ in range(most)]
        serve.wait_for(lambda: S.metric("requests_waiting") == most)
        status, headers, _ = S.ask("POST", "/v1/chat/completions", dict(serve.LONG, stream=False))
        assert status == 503 and 1 <= int(headers["Retry-After"]) <= 120, (status, headers)
    for s in waiting:
        with s:
            s.settimeout(120)
            assert s.recv(65536).startswith(b"HTTP/1.1 200 "), "a request that waited was not answered"


def main():
    global S
    with serve.Server("--parallel", str(PARALLEL), "--ctx", "200000", "--metrics", "--keep-alive", "-1") as S:
        S.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        for i in range(32):
            WANT[i] = prepare(i)
        hob.main([("equal at %d clients" % n, lambda n=n: check_equal(n)) for n in (1, 8, 32)] +
                 [("a full queue", full_queue), ("load", load)])


if __name__ == "__main__":
    main()
