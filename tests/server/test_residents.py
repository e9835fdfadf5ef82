#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The engine behind hob serve: places and who gets the next, models that come and go, clients that leave, the end."""
import calendar
import contextlib
import http.client
import json
import os
import select
import shutil
import signal
import sqlite3
import threading
import time

import serve
from serve import hob

ASK = {"model": "chat", "prompt": "a", "seed": 1, "max_tokens": 5, "ignore_eos": True}
HOME = os.path.join(hob.TEMP, "residents")


def start(*words, **more):
    return serve.Server("--metrics", *words, home=HOME, **more)


def complete(server, model="chat", ok=200, **more):
    return server.post("/v1/completions", dict(ASK, model=model, **more), ok=ok, timeout=120)


def loaded(server):
    return sorted(m["name"].split(":")[0] for m in server.ask("GET", "/api/ps")[2]["models"])


def test_client_leaves():
    """A client that goes away frees its place, streamed or not: nothing else would end these replies."""
    with start("--parallel", "2", "--ctx", "200000", "--limit", "stalled-bytes=1000000000") as server:
        for stream in (True, False):
            sockets = [server.send(dict(serve.LONG, stream=stream, max_tokens=10 ** 6)) for _ in range(4)]
            serve.wait_for(lambda: server.metrics("replies_running", "requests_waiting") == (2, 2))
            cancelled = server.metric("generations_cancelled_total")
            for s in sockets:
                s.close()
            serve.wait_for(lambda c=cancelled: server.metric("generations_cancelled_total") == c + 4)
            assert server.metrics("replies_running", "requests_waiting") == (0, 0)
        complete(server)


def test_queue_time():
    with start("--parallel", "1", "--ctx", "200000", "--queue-time", "0.3") as server:
        assert [row["value"] for row in server.ask("GET", "/limits")[2] if row["name"] == "queue-seconds"] == [0.3]
        with serve.Endless(server, 1):
            status, headers, answer = server.ask("POST", "/v1/completions", ASK)
            assert status == 503 and int(headers["Retry-After"]) >= 1 and "0.3 seconds" in json.dumps(answer), answer
            events = server.stream("/v1/completions", dict(ASK, stream=True))
            assert "0.3 seconds" in json.dumps(events[-1]), events  # its headers were out
        complete(server)


def test_fair():
    """One client's many requests, and its one request of many answers, do not keep out another's one."""
    keys = os.path.join(hob.TEMP, "two-keys")
    greedy, modest = (hob.run("key", keys)[1].decode().strip() for _ in range(2))
    greedy, modest = ({"Authorization": "Bearer " + key} for key in (greedy, modest))
    with start("--parallel", "2", "--ctx", "200000", "--key-file", keys) as server:
        def state():
            return server.metrics("replies_running", "requests_waiting", headers=modest)

        def flood(body):
            return server.send(dict(ASK, **body), "/v1/completions", headers=greedy)

        for bodies in ([{"max_tokens": 10 ** 6}] * 12, [{"max_tokens": 2000, "n": 40}]):
            sockets, answers = [flood(bodies[0])], []
            serve.wait_for(lambda: state()[0])  # the first has a place
            sockets += [flood(body) for body in bodies[1:]]
            waiting = max(1, len(bodies) - 2)
            serve.wait_for(lambda: state() == (2, waiting))
            asking = threading.Thread(target=lambda: answers.append(
                server.ask("POST", "/v1/completions", ASK, headers=modest, timeout=300)[0]))
            asking.start()
            if len(bodies) > 1:  # none of these replies ends: the one place that is free now is the modest one's, or never
                serve.wait_for(lambda: state() == (2, waiting + 1))
                sockets.pop(0).close()
            asking.join()
            assert answers == [200] and not select.select(sockets, [], [], 0)[0], (answers, "the modest one was the last")
            for s in sockets:
                s.close()
            serve.wait_for(lambda: state() == (0, 0))
        assert server.ask("POST", "/v1/completions", ASK, headers=greedy)[0] == 200


def test_answers_take_turns():
    """More answers to one request than there are places."""
    with start("--parallel", "2") as server:
        many = complete(server, n=7, max_tokens=9)
        assert [c["index"] for c in many["choices"]] == list(range(7)) and many["usage"]["completion_tokens"] == 63
        for i, choice in enumerate(many["choices"]):
            alone = complete(server, max_tokens=9, seed=ASK["seed"] + i)
            assert alone["choices"][0]["text"] == choice["text"], i


def test_keep_alive():
    def ps(server):
        found = server.ask("GET", "/api/ps")[2]["models"]
        return found[0]["expires_at"] if found else None
    with start("--keep-alive", "300ms") as server:
        complete(server)
        serve.wait_for(lambda: ps(server) is None, 30)
        complete(server, keep_alive=-1)
        assert ps(server) > "2100"
        complete(server, keep_alive="2h")
        hours = (calendar.timegm(time.strptime(ps(server)[:19], "%Y-%m-%dT%H:%M:%S")) - time.time()) / 3600
        assert 1.9 < hours <= 2.01, hours
        time.sleep(0.5)
        assert ps(server)
        answer = server.post("/api/generate", {"model": "chat", "keep_alive": 0, "stream": False})
        assert answer["done_reason"] == "unload", answer
        serve.wait_for(lambda: ps(server) is None, 30)
        complete(server, keep_alive=0)
        serve.wait_for(lambda: ps(server) is None, 30)
        complete(server, ok=400, keep_alive="soon")


def test_memory():
    """Models come as memory allows, counted before they are loaded; the one that is idle for the longest goes."""
    size = {}
    with start("--ctx", "40000", "--parallel", "1", "--keep-alive", "-1") as server:
        for name in ("chat", "second", "third"):
            complete(server, name)
        assert loaded(server) == ["chat", "second", "third"]
        size = {m["name"].split(":")[0]: m["size"] for m in server.ask("GET", "/api/ps")[2]["models"]}
        assert min(size.values()) > 20 << 20, size
    budget = (sum(size.values()) - min(size.values()) // 2) >> 20  # two, but not three
    with start("--ctx", "40000", "--parallel", "1", "--keep-alive", "-1", "--memory", str(budget)) as server:
        for name in ("chat", "second", "chat", "third"):
            complete(server, name)
        assert loaded(server) == ["chat", "third"], loaded(server)
        with serve.Endless(server, 1), serve.Endless(server, 1, "third", others=1):  # none is idle: it waits for one
            late = threading.Thread(target=complete, args=(server, "second"))
            late.start()
            time.sleep(0.5)
            assert loaded(server) == ["chat", "third"] and late.is_alive()
        late.join()
        assert "second" in loaded(server)
    with start("--ctx", "40000", "--parallel", "1", "--memory", str((min(size.values()) >> 20) // 2)) as server:
        answer = json.dumps(complete(server, ok=503))
        assert "needs" in answer and "MB are available" in answer, answer


def test_many_names():
    """Eight times the names take about eight times the time, not its square."""
    with serve.Server() as server:
        server.hob("add", serve.TINY, "--name", "m0")
        best = {}
        for n in (100, 800):
            with contextlib.closing(sqlite3.connect(os.path.join(server.home, "library.db"))) as index:
                for i in range(1, n):
                    index.execute("INSERT OR IGNORE INTO model SELECT ?, path, stamps, modified, settings FROM model"
                                  " WHERE name LIKE 'm0%'", ("m%d:latest" % i,))
                index.commit()
            for tries in range(100):  # others may be busy here: the shortest counts
                start = time.monotonic()
                status, _, answer = server.ask("GET", "/api/tags")
                best[n] = min(best.get(n, 1e9), time.monotonic() - start)
                assert status == 200 and len(answer["models"]) >= n, (n, status)
                if tries >= 4 and best[n] < 24 * best[100]:
                    break
        print("# %.3f s for 100 names, %.3f s for 800" % (best[100], best[800]))
        assert best[800] < 24 * best[100], best


def test_changed_file():
    """A file that changes under a loaded model is another model, and says so; one that vanishes too."""
    path = os.path.join(hob.TEMP, "moving.gguf")
    shutil.copy(serve.TINY, path)
    with start() as server:
        server.hob("add", path, "--name", "moving")
        complete(server, "moving")
        with open(path, "ab") as file:
            file.write(b"x")
        assert "changed" in json.dumps(complete(server, "moving", ok=500))
        os.remove(path)
        assert "vanished" in json.dumps(complete(server, "moving", ok=404))


WHOLE = 3000  # tokens of a reply that takes seconds, and ends


def answering():
    """A server, what its one reply will be put into, and the thread that waits for it."""
    server, got = start("--ctx", "30000", "--limit", "drain-seconds=600"), []
    thread = threading.Thread(target=lambda: got.append(server.post(
        "/v1/completions", dict(ASK, max_tokens=WHOLE), timeout=600)))
    thread.start()
    serve.wait_for(lambda: server.metric("replies_running") == 1)
    return server, got, thread


def test_drain():
    """SIGTERM: what is in flight ends as it would have, new requests are told to go elsewhere, and the program ends."""
    server, got, thread = answering()
    kept = server.connect()
    kept.request("GET", "/health")
    kept.getresponse().read()
    server.process.terminate()
    serve.wait_for(lambda: any("stopping" in line for line in server.said), 30)
    status = 200
    while status == 200 and thread.is_alive():  # it says so a moment before it does so
        kept.request("POST", "/v1/completions", json.dumps(ASK))
        answer = kept.getresponse()
        answer.read()
        status = answer.status
    assert (status, bool(answer.headers["Retry-After"])) == (503, True), status
    kept.close()
    thread.join()
    assert server.process.wait(120) == 0
    assert got and got[0]["usage"]["completion_tokens"] == WHOLE, got


STREAMS = (("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]}),
           ("/v1/completions", {"prompt": "a", "max_tokens": 10 ** 5}), ("/v1/responses", {"input": "a"}),
           ("/v1/messages", {"messages": [{"role": "user", "content": "a"}], "max_tokens": 10 ** 5}),
           ("/api/chat", {"messages": [{"role": "user", "content": "a"}]}), ("/api/generate", {"prompt": "a"}))


def test_error_within_stream():
    """Streams that are cut by the end of the server say so, each in its dialect's words, after what they have said."""
    with start("--ctx", "200000", "--parallel", "6", "--limit", "drain-seconds=1") as server:
        got, endless = {}, {"grammar": "root ::= [a-z]{100000}", "after": ""}

        def read(path, body):
            got[path] = server.ask("POST", path, dict(body, model="chat", stream=True, constraint=endless), timeout=300)[2]
        threads = [threading.Thread(target=read, args=row) for row in STREAMS]
        for thread in threads:
            thread.start()
        serve.wait_for(lambda: server.metric("replies_running") == len(STREAMS))
        before = server.metric("steps_total")
        serve.wait_for(lambda: server.metric("steps_total") > before + 10)
        server.stop()
        for thread in threads:
            thread.join()
    for path, text in got.items():
        lines = [line for line in text.splitlines() if line]
        last, said = json.loads(lines[-1].removeprefix("data: ")), "the server is stopping"
        assert len(lines) > 10, (path, text)
        if path.startswith("/api/"):
            assert last == {"error": said}, (path, last)
        elif path == "/v1/messages":
            assert last["type"] == "error" and last["error"]["message"] == said and "event: error" in lines[-2], (path, lines[-2:])
        elif path == "/v1/responses":
            assert last["type"] == "response.failed" and last["response"]["error"]["message"] == said, (path, last)
        else:
            assert last["error"]["message"] == said and last["error"]["type"] == "overloaded_error", (path, last)


def test_keeper_ends():
    """Without the process that opens files no name is found: what is in flight ends whole, and the server with an error,
    for whoever starts it anew."""
    server, got, thread = answering()
    with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid), encoding="ascii") as file:
        keeper, = [int(word) for word in file.read().split()]
    os.kill(keeper, signal.SIGKILL)
    thread.join()
    assert got and got[0]["usage"]["completion_tokens"] == WHOLE, got
    server.stop(ok=7)
    serve.wait_for(lambda: any("the keeper, which opens files, is gone" in line for line in server.said))
    with start() as server:
        complete(server)


def test_names_go():
    """A name is there or it is not: whoever asks while it is made and deleted hears 200 or 404 and nothing else."""
    with start("--parallel", "4", "--ctx", "200000") as server:
        found, wrong, over = set(), [], threading.Event()

        def use():
            while not over.is_set():
                status, _, answer = server.ask("POST", "/v1/completions", dict(ASK, model="going", max_tokens=1))
                if status != 200 and answer["error"]["code"] != "model_not_found":
                    wrong.append((status, answer))
                found.add(status)
        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        deleted = 0
        while not wrong and (found != {200, 404} or deleted < 30):
            server.post("/api/copy", {"source": "chat", "destination": "going"})
            before = server.metric("requests_total")
            serve.wait_for(lambda n=before: server.metric("requests_total") > n + 3)
            status = server.ask("DELETE", "/api/delete", {"model": "going"})[0]
            assert status == 200, status
            deleted += 1
            assert server.ask("DELETE", "/api/delete", {"model": "going"})[0] == 404
        over.set()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[:3]
        server.post("/api/copy", {"source": "chat", "destination": "going"})
        with serve.Endless(server, 1, "going"):  # in use: the reply goes on, as its reader sees
            assert server.ask("DELETE", "/api/delete", {"model": "going"})[0] == 200
            assert server.ask("POST", "/v1/completions", dict(ASK, model="going"))[0] == 404
            before = server.metric("generated_tokens_total"), server.metric("steps_total")
            serve.wait_for(lambda: server.metric("steps_total") > before[1] + 20)


def test_taken_port():
    with start() as server:
        code, _, said = hob.run("serve", "--listen", "127.0.0.1:%d" % server.port, ok=(5,), env={"HOB_HOME": HOME})
        assert str(server.port) in said and "ss -ltnp" in said, said


def test_killed():
    """Killed with -9 at each write to the index, a server starts again with the library as it was or as it is to be."""
    killer = os.environ.get("HOB_KILLER", "")
    if not os.path.exists(killer):
        raise hob.Skip("no killer")

    def names(server):
        return {m["name"].split(":")[0] for m in server.ask("GET", "/api/tags")[2]["models"] if "chat" in m["name"]}
    base, kills = os.path.join(hob.TEMP, "base"), 0
    with serve.Server(home=base) as server:
        server.create("chat", "FROM %s\n" % serve.TINY)
    for method, path, body, after in (("POST", "/api/copy", {"source": "chat", "destination": "chat2"}, {"chat", "chat2"}),
                                      ("POST", "/api/create", {"model": "chat", "from": "chat", "system": "x"}, {"chat"}),
                                      ("DELETE", "/api/delete", {"model": "chat"}, set())):
        for at in range(1, 400, 1 if hob.LONG else 11):  # each, where there is time
            home = os.path.join(hob.TEMP, "killed")
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(base, home)
            server = serve.Server(home=home, env={"LD_PRELOAD": killer, "HOB_KILL_AT": str(at)})
            try:
                status = server.ask(method, path, body)[0]
            except (OSError, http.client.HTTPException):
                status = None
            server.process.kill()  # if only the one that opens files for it was killed
            server.process.wait()
            assert status in (None, 200, 500), (path, at, status)
            with serve.Server(home=home) as again:
                found = names(again)
                assert found == after or (status != 200 and found == {"chat"}), (path, at, status, found)
                again.post("/api/copy", {"source": "chat", "destination": "chat3"}, ok=200 if "chat" in found else 404)
            if status == 200:
                break
            kills += 1
    assert kills >= 6, kills
    print("# %d kills" % kills, flush=True)


def main():
    with serve.Server(home=HOME) as server:
        for name in ("chat", "second", "third"):
            source = serve.TINY if name == "chat" else os.path.join(hob.TEMP, name + ".gguf")
            if name != "chat":
                shutil.copy(serve.TINY, source)
            server.create(name, 'FROM %s\nTEMPLATE """%s"""\n' % (source, serve.CHAT))
    hob.main([(name[5:], function) for name, function in globals().items() if name.startswith("test_")])


if __name__ == "__main__":
    main()
