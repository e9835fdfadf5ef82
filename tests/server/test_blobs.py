#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files that clients send: they stay as long as a name uses them, or for an hour; never a name without its file."""
import fcntl
import hashlib
import os
import threading
import time

from serve import TINY, Server, hob

with open(TINY, "rb") as _file:
    DATA = _file.read()
HEX = hashlib.sha256(DATA).hexdigest()
HOUR = 3600


def blobs(server):
    return sorted(os.listdir(os.path.join(server.home, "blobs")))


def path(server, digest=HEX):
    return os.path.join(server.home, "blobs", "sha256-" + digest)


def send(server, data=DATA):
    digest = hashlib.sha256(data).hexdigest()
    assert server.ask("POST", "/api/blobs/sha256:" + digest, data)[0] in (200, 201)
    return digest


def create(server, name):
    return server.ask("POST", "/api/create", {"model": name, "files": {"a.gguf": "sha256:" + HEX}, "stream": False})


def delete(server, name):
    return server.ask("DELETE", "/api/delete", {"model": name})[0]


def age(file, seconds):
    os.utime(file, (time.time() - seconds,) * 2)


def test_life():
    with Server() as server:
        send(server)
        made = create(server, "a")
        assert made[0] == 200, made
        server.post("/api/copy", {"source": "a", "destination": "b"})
        age_before = os.stat(path(server)).st_mtime_ns
        send(server)  # once more: what names use is not touched
        assert os.stat(path(server)).st_mtime_ns == age_before
        server.post("/api/generate", {"model": "a", "prompt": "a", "raw": True, "stream": False,
                                      "options": {"num_predict": 1}})
        assert delete(server, "a") == 200 and blobs(server) == ["sha256-" + HEX]
        server.hob("add", TINY, "--name", "b")  # the name is given to another file
        assert blobs(server) == []
        send(server)
        made = create(server, "a")
        assert made[0] == 200, made
        server.hob("rm", "a")
        assert blobs(server) == []


def test_there():
    """What is there and whole is not written again: nothing of the upload is looked at. What was changed is mended."""
    with Server() as server:
        def post(data):
            return server.ask("POST", "/api/blobs/sha256:" + HEX, data)[0]

        assert post(b"wrong") == 400 and post(DATA) == 201
        inode = os.stat(path(server)).st_ino
        assert post(b"never read") == 200 and os.stat(path(server)).st_ino == inode and len(blobs(server)) == 1
        with open(path(server), "r+b") as file:
            file.write(b"spoilt")
        assert post(b"wrong") == 400 and post(DATA) == 200
        with open(path(server), "rb") as file:
            assert file.read() == DATA
        os.remove(path(server))
        assert post(b"wrong") == 400 and post(DATA) == 201
        server.stop()
        server.start()
        assert post(b"wrong") == 400 and post(DATA) == 200  # a new server has read nothing yet
        assert post(b"never read") == 200


def test_unused():
    """What is old and unused goes with the next upload and at the next start; what was asked for stays."""
    with Server() as server:
        old, asked, used = send(server, b"old"), send(server, b"asked"), send(server)
        made = create(server, "a")
        assert made[0] == 200, made
        half = path(server, "1" * 64) + ".12345678.tmp"
        with open(half, "w") as file:
            file.write("half")
        send(server, b"young")
        assert len(blobs(server)) == 5
        for file in (path(server, old), path(server, asked), half):
            age(file, 2 * HOUR)
        assert server.ask("HEAD", "/api/blobs/sha256:" + asked)[0] == 200
        young = send(server, b"new")
        left = sorted("sha256-" + d for d in (asked, used, young, hashlib.sha256(b"young").hexdigest()))
        assert blobs(server) == left, blobs(server)
        age(path(server, asked), 2 * HOUR)
        server.stop()
        server.start()
        assert blobs(server) == [b for b in left if b != "sha256-" + asked]
        assert server.post("/api/show", {"model": "a"})["details"]


def test_held():
    """A file that is locked, as by who makes a name of it, is not removed."""
    with Server() as server:
        send(server)
        made = create(server, "a")
        assert made[0] == 200, made
        with open(path(server), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            assert delete(server, "a") == 200 and blobs(server) == ["sha256-" + HEX]
        assert create(server, "a")[0] == 200 and delete(server, "a") == 200 and blobs(server) == []


def test_race():
    """Names that come and go at once: what has a name has its file."""
    with Server() as server:
        over, wrong = threading.Event(), []

        def come_and_go(name):
            while not over.is_set():
                send(server)
                status, _, answer = create(server, name)
                if status != 200 and not (status == 404 and "sha256" in answer["error"]):
                    wrong.append((status, answer))
                if status == 200 and server.ask("POST", "/api/show", {"model": name})[0] != 200:
                    wrong.append("%s has no file" % name)
                if status == 200 and delete(server, name) != 200:
                    wrong.append("%s is gone" % name)

        threads = [threading.Thread(target=come_and_go, args=("m%d" % i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(30 if hob.LONG else 3)
        over.set()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[:3]
        assert send(server) and create(server, "a")[0] == 200 and delete(server, "a") == 200 and blobs(server) == []


if __name__ == "__main__":
    hob.main([(name[5:], function) for name, function in list(globals().items()) if name.startswith("test_")])
