#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same bits every time: tokens and digests of the raw logits for any number of threads, any batch, any kernels,
alone and among others, cold and after a prefix hit, and when a receipt is replayed.

The plain kernels are slow, so with them the real models generate less, and replay nothing, unless HOB_TEST_LONG is
set."""
import json
import os
import random

import hob

SEED = int(os.environ.get("HOB_TEST_SEED") or random.randrange(1 << 30))
TOKENS = 64
FEW = 64 if hob.LONG else 12  # on real models with the plain kernels
ISAS = ["ref"] + (["avx2"] if hob.HAS_AVX2 else [])
SAMPLED = {"temp": 0.8, "seed": 7, "top_k": 100, "top_p": 0.95, "min_p": 0.01, "repeat_penalty": 1.1,
           "presence_penalty": 0.1, "typical": 0.98}


def requests(vocab, n):
    """A greedy and a sampled request on prompts longer than a KV page, that share nothing."""
    rng = random.Random(SEED)
    ids = [[rng.randrange(vocab) for _ in range(length)] for length in (70, 77)]
    return [{"id": "greedy", "tokens": ids[0], "temp": 0, "max_tokens": n, "ignore_eos": True},
            {"id": "sampled", "tokens": ids[1], "max_tokens": n, "ignore_eos": True, **SAMPLED}]


def batch(model, lines, *flags):
    """The replies of hob batch."""
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    out = hob.run("batch", model, "-", *flags, stdin=text, timeout=600)[1]
    replies = [json.loads(line) for line in out.splitlines()]
    assert [r["id"] for r in replies] == [line["id"] for line in lines]
    return replies


def bits(reply):
    receipt = reply["receipt"]
    return reply["tokens"], receipt["logits_sha256"], receipt["reply_sha256"]


def same(want, got, what):
    assert len(got) == len(want), what
    for w, g in zip(want, got):
        assert bits(w) == bits(g), "%s: %s differs" % (what, w["id"])


def vocab_of(model):
    return hob.run_json("inspect", model)["shape"]["vocabulary"]


def check(model, is_real):
    vocab = vocab_of(model)
    lines = requests(vocab, TOKENS)
    want = batch(model, lines, "--parallel", 1)
    assert all(len(r["tokens"]) == TOKENS for r in want)
    assert len({r["receipt"]["logits_sha256"] for r in want}) == 2
    for flags in (("-t", 1), ("-t", 2), ("-t", 3), ("--batch", 1), ("--batch", 17), ("--batch", 512)):
        same(want, batch(model, lines, "--parallel", 2, *flags), " ".join(map(str, flags)))

    # Alone, by the other command.
    for line, w in zip(lines, want):
        flags = ["--temp", 0] if line["temp"] == 0 else [
            x for k, v in SAMPLED.items() for x in ("--" + k.replace("_", "-"), v)]
        got = hob.run_json("generate", model, "--tokens", hob.ids_text(line["tokens"]), "-n", TOKENS, "--ignore-eos",
                           *flags)
        assert bits(got) == bits(w), "hob generate: %s differs" % w["id"]

    # Beside seven others, and again when the cache holds the prompt: none gives up its place before that has been read.
    rng = random.Random(SEED + 1)
    others = [{"id": i, "tokens": [rng.randrange(vocab) for _ in range(rng.randrange(1, 150))], "seed": i,
               "max_tokens": rng.randrange(TOKENS // 2, TOKENS), "ignore_eos": True} for i in range(6)]
    few = requests(vocab, FEW)
    crowd = batch(model, lines + others + lines + few, "--parallel", 8)
    same(want, crowd[:2], "beside seven others")
    same(want, crowd[8:10], "after a prefix hit")
    assert all(r["timings"]["cached_tokens"] == 64 for r in crowd[8:10]), [r["timings"] for r in crowd[8:10]]
    same(crowd[2:8], batch(model, others, "--parallel", 3, "--batch", 33), "others among themselves")

    # Other kernels, and receipts.
    if not is_real:
        few, crowd = lines, crowd[:10]
    for isa in ISAS:
        same(crowd[-2:], batch(model, few, "--parallel", 2, "--isa", isa), "--isa " + isa)
    other = ISAS[-1] if is_real and not hob.LONG else "ref"
    for number, reply in enumerate(crowd[-2:]):
        path = os.path.join(hob.TEMP, "reply.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(reply if number else reply["receipt"], file)
        report = hob.run_json("replay", path, "--model", model, "--isa", other, "-t", 3, "--batch", 5)
        assert report == {"model_sha256": True, "reply_sha256": True, "logits_sha256": True}, report
        hob.run("replay", path)  # found by its digest
        reply["receipt"]["logits_sha256"] = "0" * 64
        with open(path, "w", encoding="utf-8") as file:
            json.dump(reply, file)
        code, _, said = hob.run("replay", path, ok=(8,))
        assert "logits" in said and "text" not in said, said


def check_real(name):
    path = hob.real_model(name)
    if not path:
        raise hob.Skip("tools/models %s has not fetched it" % name)
    check(path, True)


def check_cache_types(model):
    """Each type of cache gives bits of its own, and always the same."""
    lines = requests(vocab_of(model), 16)
    seen = set()
    for flags in (("--kv", "f16"), ("--kv", "f32"), ("--kv", "q8_0"), ("--precise",)):
        want = batch(model, lines, "--parallel", 1, *flags)
        seen.add(want[0]["receipt"]["logits_sha256"])
        for isa in ISAS:
            same(want, batch(model, lines, "--parallel", 2, "--isa", isa, "-t", 3, *flags), str(flags) + isa)
        path = os.path.join(hob.TEMP, "reply.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(want[1], file)
        hob.run("replay", path, "--model", model)
    return seen


def check_caches():
    seen = check_cache_types(os.path.join(hob.MODELS, "tiny-gemma3-base.gguf"))  # heads of 32
    # Weights are float32, so --precise is f32 here.
    assert len(seen) == 3, seen


print("# seed", SEED)
tests = [(name + " gives the same bits", lambda n=name: check(os.path.join(hob.MODELS, n), False))
         for name in sorted(os.listdir(hob.MODELS)) if not name.endswith(".json")]
tests.append(("each cache type gives the same bits", check_caches))
tests += [(name + " gives the same bits", lambda n=name: check_real(n)) for name in hob.REAL]
hob.main(tests)
