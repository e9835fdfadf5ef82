#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Embeddings by hob serve: the vectors of hob embed in every form a dialect has, beside replies, and what is refused."""
import base64
import json
import math
import struct

import serve
from serve import hob

S = None
TEXTS = ["Once upon a time", "x", "A much longer text, of several words. " * 5]
PATH = "/v1/embeddings"


def embed(*words):
    return json.loads(S.hob("embed", "chat", *words, "--json")[1])[0]


def openai(text, **more):
    return S.post(PATH, dict({"model": "chat", "input": text}, **more))


def vectors(answer):
    return [d["embedding"] for d in answer["data"]]


def ids_of(text):
    return json.loads(hob.run("tokenize", serve.TINY, text, "--json")[1])


def test_openai():
    want = [embed(text) for text in TEXTS]
    ids = [ids_of(text) for text in TEXTS]
    one, all_ = openai(TEXTS[0]), openai(TEXTS)
    assert vectors(one) == want[:1] and vectors(all_) == want and one["model"] == "chat"
    assert all_["object"] == "list" and [(d["object"], d["index"]) for d in all_["data"]] == [("embedding", i) for i in range(3)]
    count = sum(map(len, ids))
    assert all_["usage"] == {"prompt_tokens": count, "total_tokens": count}, all_["usage"]
    assert vectors(openai(ids[0])) == want[:1] and vectors(openai(ids)) == want and vectors(openai([TEXTS[0], ids[1]])) == want[:2]
    for text, vector in zip(vectors(openai(TEXTS, encoding_format="base64")), want):
        assert list(struct.unpack("<64f", base64.b64decode(text, validate=True))) == \
            list(struct.unpack("<64f", struct.pack("<64f", *vector)))
    short = vectors(openai(TEXTS[0], dimensions=7, encoding_format="float", user="me"))[0]
    length = math.sqrt(math.fsum(x * x for x in want[0][:7]))
    assert len(short) == 7 and max(abs(a - b / length) for a, b in zip(short, want[0])) < 1e-6
    assert vectors(openai(TEXTS[0], dimensions=64)) == want[:1]
    assert S.ask("POST", PATH, {"model": "chat", "input": "a", "user": "me"})[1]["X-Hob-Ignored"] == "user"


def test_ollama():
    want = [embed(text) for text in TEXTS]
    answer = S.post("/api/embed", {"model": "chat", "input": TEXTS, "keep_alive": "5m"})
    assert answer["embeddings"] == want and answer["model"] == "chat" and answer["total_duration"] > 0
    assert answer["prompt_eval_count"] == sum(len(ids_of(text)) for text in TEXTS)
    assert S.post("/api/embed", {"model": "chat", "input": TEXTS[1]})["embeddings"] == want[1:2]
    assert len(S.post("/api/embed", {"model": "chat", "input": "a", "dimensions": 5})["embeddings"][0]) == 5
    old = S.post("/api/embeddings", {"model": "chat", "prompt": TEXTS[0]})
    raw = math.sqrt(math.fsum(x * x for x in old["embedding"]))  # as the model made it
    assert list(old) == ["embedding"] and abs(raw - 1) > 0.01, raw
    assert max(abs(a / raw - b) for a, b in zip(old["embedding"], want[0])) < 1e-6
    for path, empty, answer in (("/api/embed", {"input": ""}, "embeddings"), ("/api/embed", {"input": []}, "embeddings"),
                                ("/api/embed", {}, "embeddings"), ("/api/embeddings", {"prompt": ""}, "embedding"),
                                ("/api/embeddings", {}, "embedding")):
        assert S.post(path, dict({"model": "chat"}, **empty))[answer] == []
    long = "word " * 600
    status, headers, answer = S.ask("POST", "/api/embed", {"model": "chat", "input": ["a", long]})
    assert status == 200 and headers["X-Hob-Truncated"] == "1" and answer["prompt_eval_count"] > 512, headers
    ids = ids_of(long)
    assert answer["embeddings"][1] == embed("--tokens", hob.ids_text(ids[:512]))
    few = S.ask("POST", "/api/embed", {"model": "chat", "input": long, "options": {"num_ctx": 9, "temperature": 1}})
    assert few[2]["embeddings"][0] == embed("--tokens", hob.ids_text(ids[:9])) and few[1]["X-Hob-Ignored"] == "temperature"
    refused("/api/embed", {"input": long, "truncate": False}, "512", str(len(ids)))
    S.post("/api/embed", {"model": "chat", "input": "a", "truncate": False})


def refused(path, body, *words, status=400):
    got, _, answer = S.ask("POST", path, dict({"model": "chat"}, **body))
    assert got == status and all(word in json.dumps(answer) for word in words), (body if len(str(body)) < 400 else path, got, answer)


def test_refusals():
    long = "word " * 600
    refused(PATH, {"input": long}, "512", str(len(ids_of(long))), "input[0]")
    refused(PATH, {"input": ["a", list(range(1, 300)) * 2]}, "input[1]", "598", "512")
    for bad in ("", [], [""], ["a", ""], [[]], [1, "a"], ["a", 1], ["a", None], [True], [-1], [[1], ["a"]], [1.5], [2 ** 40]):
        refused(PATH, {"input": bad}, "input")
    for bad in (1, {"a": 1}, True):
        refused(PATH, {"input": bad}, "input: want")
    refused(PATH, {}, "input")
    refused(PATH, {"input": [99999]}, "99999")
    refused(PATH, {"input": ["a"] * 2049}, "2048")
    refused(PATH, {"input": "a", "dimensions": 65}, "dimensions", "64")
    refused(PATH, {"input": "a", "dimensions": 0}, "dimensions")
    refused(PATH, {"input": "a", "encoding_format": "int8"}, "encoding_format")
    refused(PATH, {"input": "a", "temperature": 1}, "temperature")
    refused(PATH, {"input": "a", "model": "none"}, "none", status=404)
    refused("/api/embed", {"input": "a", "prompt": "b"}, "prompt")
    assert len(openai(["a"] * 2048)["data"]) == 2048


def test_beside_replies():
    """A request of many texts is fair to a reply, and neither changes the other."""
    want = embed(TEXTS[2])
    alone = S.post("/v1/completions", {"model": "chat", "prompt": "a", "seed": 1, "max_tokens": 50})
    with serve.Endless(S, 3):
        assert vectors(openai([TEXTS[2]] * 40)) == [want] * 40
        beside = S.post("/v1/completions", {"model": "chat", "prompt": "a", "seed": 1, "max_tokens": 50})
    assert beside["choices"] == alone["choices"]


def main():
    global S
    with serve.Server("--metrics", "--ctx", "100000") as big, serve.Server("--metrics", home=big.home) as small:
        small.create("chat", 'FROM %s\nTEMPLATE """%s"""\n' % (serve.TINY, serve.CHAT))
        tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]

        def run(function):
            global S
            S = big if function is test_beside_replies else small
            function()
        hob.main([(name, lambda f=function: run(f)) for name, function in tests])


if __name__ == "__main__":
    main()
