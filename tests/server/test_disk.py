#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A data directory on a file system that is full, nearly full, or cannot be written; on a tmpfs of the test's own."""
import ctypes
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve import CHAT, TINY, Server, hob  # noqa: E402

NEWNS, NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 32, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)
SMALL = os.path.join(hob.MODELS, "tiny-qwen3-odd.gguf")
MODELFILE = "FROM %s\nTEMPLATE \"\"\"%s\"\"\"\n" % (TINY, CHAT)
CHATTING = {"model": "chat", "messages": [{"role": "user", "content": "a"}], "stream": False,
            "options": {"num_predict": 2}}


def be_alone():
    """Goes where this process may mount, and nobody else sees it. False where the system does not let it."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(NEWNS | (NEWUSER if uid else 0)) != 0:
        return False
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)
    return libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0


ALONE = be_alone()


class Disk:
    """A file system of `size` bytes, with a data directory in it."""

    def __init__(self, name, size):
        if not ALONE:
            raise hob.Skip("this system lets nobody mount here")
        self.path = os.path.join(hob.TEMP, name)
        os.makedirs(self.path)
        if libc.mount(b"tmpfs", self.path.encode(), b"tmpfs", 0, b"size=%d" % size) != 0:
            raise hob.Skip("this system lets nobody mount here")
        self.home, self.filler = os.path.join(self.path, "home"), os.path.join(self.path, "filler")
        self.env = {"HOB_HOME": self.home, "XDG_CACHE_HOME": os.path.join(hob.TEMP, "no-cache")}

    def fill(self, leave=0):
        """Takes all room but `leave` bytes."""
        with open(self.filler, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
            file.truncate(max(0, os.fstat(file.fileno()).st_size - leave))

    def free(self):
        os.remove(self.filler)

    def seal(self, readonly=True):
        assert libc.mount(b"none", self.path.encode(), None, MS_REMOUNT | (MS_RDONLY if readonly else 0), None) == 0

    def hob(self, *words, **more):
        return hob.run(*words, env=self.env, **more)

    def names(self):
        return sorted(e["name"] for e in json.loads(self.hob("list", "--json")[1]))

    def __enter__(self):
        os.makedirs(self.home)
        self.hob("create", "chat", "-f", "-", stdin=MODELFILE.encode())
        return self

    def __exit__(self, *what):
        libc.umount2(self.path.encode(), 2)


def serving(server, name="chat"):
    """Everything that reads answers as ever."""
    said = server.post("/api/chat", dict(CHATTING, model=name))
    assert said["done"] and "eval_count" in said, said
    assert server.post("/v1/chat/completions", {"model": name, "messages": CHATTING["messages"], "max_tokens": 2})
    assert name + ":latest" in [m["name"] for m in server.ask("GET", "/api/tags")[2]["models"]]
    assert server.post("/api/show", {"model": name})["details"]
    assert server.ask("GET", "/v1/models/" + name)[0] == 200


def test_full():
    with Disk("full", 2 << 20) as disk:
        disk.hob("add", SMALL, "--copy", "--name", "copied")
        disk.hob("add", TINY, "--name", "linked")
        where = json.loads(disk.hob("show", "copied", "--json")[1])["path"]
        assert where.startswith(disk.home)
        with Server(home=disk.home) as server:
            disk.fill()
            serving(server)
            assert disk.names() == ["chat", "copied", "linked"]
            status, _, answer = server.ask("POST", "/api/create", {"model": "new", "from": "chat", "system": "x" * 99999})
            assert status == 500 and "full" in answer["error"], (status, answer)
            serving(server)
            for name in ("copied", "linked"):
                assert server.ask("DELETE", "/api/delete", {"model": name})[0] == 200, name
            assert not os.path.exists(where) and disk.names() == ["chat"]
            server.post("/api/copy", {"source": "chat", "destination": "again"})
            disk.fill()
            serving(server, "again")
            disk.hob("rm", "again")
            assert disk.names() == ["chat"]
        with Server(home=disk.home) as server:  # it starts there, too
            serving(server)
        disk.free()
        disk.hob("cp", "chat", "again")
        assert disk.names() == ["again", "chat"]


def test_full_upload():
    """What does not fit leaves nothing behind, and takes nothing away."""
    with Disk("upload", 2 << 20) as disk, Server(home=disk.home) as server:
        data = os.urandom(3 << 20)
        digest = hashlib.sha256(data).hexdigest()
        assert server.ask("POST", "/api/blobs/sha256:" + digest, data)[0] == 500
        assert os.listdir(os.path.join(disk.home, "blobs")) == []
        serving(server)


def test_read_only():
    with Disk("sealed", 4 << 20) as disk:
        disk.hob("add", SMALL, "--copy", "--name", "copied")
        disk.seal()
        assert disk.names() == ["chat", "copied"]
        with Server(home=disk.home) as server:
            serving(server)
            for method, path, body in (("POST", "/api/copy", {"source": "chat", "destination": "b"}),
                                       ("POST", "/api/create", {"model": "b", "from": "chat"}),
                                       ("DELETE", "/api/delete", {"model": "copied"})):
                status, _, answer = server.ask(method, path, body)
                assert status == 500 and "read-only" in answer["error"], (path, status, answer)
            status, _, answer = server.ask("POST", "/api/blobs/sha256:" + "0" * 64, b"x")
            assert status == 500 and "ead-only" in answer["error"], (status, answer)
            serving(server)
        for words in (("add", SMALL), ("add", SMALL, "--copy"), ("cp", "chat", "b"), ("rm", "copied"),
                      ("create", "b", "-f", "-")):
            _, _, err = disk.hob(*words, stdin=b"FROM chat\n", ok=(7,))
            assert "ead-only" in err and err.count("\n") == 1, (words, err)
        assert json.loads(disk.hob("run", "chat", "a", "-n", "2", "--json")[1])["tokens"]
        shown = disk.hob("show", "copied", "--json")[1]
        disk.seal(False)
        assert disk.names() == ["chat", "copied"] and disk.hob("show", "copied", "--json")[1] == shown
        shutil.rmtree(disk.home)
        disk.seal()
        assert disk.names() == []  # no data directory, and none can be made
        assert "ead-only" in disk.hob("add", TINY, ok=(7,))[2]


def test_crowd():
    """Programs that change the library while it is served and the disk is full at times: each call does what it says or
    says why not, and the library is whole."""
    seed = int(os.environ.get("HOB_TEST_SEED", random.randrange(1 << 30)))
    print("# HOB_TEST_SEED=%d" % seed, flush=True)
    rounds = 60 if hob.LONG else 12
    with Disk("crowd", 3 << 20) as disk, Server(home=disk.home) as server:
        wrong, over = [], threading.Event()

        def change(worker):
            dice = random.Random(seed + worker)
            for at in range(rounds):
                name = "m%d" % dice.randrange(4)
                words = dice.choice((("add", TINY, "--name", name), ("add", SMALL, "--copy", "--name", name),
                                     ("rm", name), ("cp", "chat", name), ("create", name, "-f", "-")))
                text = ("FROM chat\nSYSTEM %s\n" % ("x" * dice.choice((10, 200000)))).encode()
                code, _, err = disk.hob(*words, stdin=text, ok=None)
                if code and ("Traceback" in err or err.count("\n") != 1 or code not in (4, 7, 8)):
                    wrong.append((words, code, err))

        def fill():
            dice = random.Random(seed)
            while not over.is_set():
                disk.fill(dice.choice((0, 0, 4096, 65536)))
                over.wait(0.2)
                disk.free()
                over.wait(0.1)

        def chat():
            while not over.is_set():
                try:
                    serving(server)
                except AssertionError as error:
                    wrong.append(str(error))

        helpers = [threading.Thread(target=function) for function in (fill, chat)]
        workers = [threading.Thread(target=change, args=(i,)) for i in range(3)]
        for thread in helpers + workers:
            thread.start()
        for thread in workers:
            thread.join()
        over.set()
        for thread in helpers:
            thread.join()
        assert not wrong, wrong[:3]
        for entry in json.loads(disk.hob("list", "--json")[1]):
            assert entry["state"] == "good", entry
            disk.hob("generate", entry["name"], "a", "-n", "1")
        used = {e["path"].split("/files/")[1].split("/")[0] for e in json.loads(disk.hob("list", "--json")[1])
                if "/files/" in e["path"]}
        folder = os.path.join(disk.home, "files")
        left = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        assert left == used, (left, used)
        index = sqlite3.connect(os.path.join(disk.home, "library.db"))
        assert index.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        index.close()


if __name__ == "__main__":
    hob.main([(name[5:], function) for name, function in list(globals().items()) if name.startswith("test_")])
