#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hob embed: vectors as transformers makes them (tools/goldens_embeddings.py), the same bits in any company, the model's
own pooling honoured."""
import json
import math
import os
import shutil
import struct

import hob

TOLERANCE = 5e-5
TINY = os.path.join(hob.MODELS, "tiny-qwen2-odd.gguf")
FOLDER = os.path.join(hob.MODELS, "tiny-qwen3-odd")


def embed(*words, **more):
    return json.loads(hob.run("embed", *words, "--json", **more)[1])


def test_goldens():
    worst = 0.0
    for name, runs in hob.golden("tiny-embeddings").items():
        for path in (name, name + ".gguf"):
            path = os.path.join(hob.MODELS, path)
            if not os.path.exists(path):
                continue
            for run in runs:
                for pool in ("mean", "cls", "last"):
                    got = embed(path, "--tokens", hob.ids_text(run["ids"]), "--precise", "--raw", "--pool", pool)[0]
                    want = hob.floats(run[pool])
                    assert len(got) == len(want), (path, len(got), len(want))
                    far = max(abs(a - b) for a, b in zip(got, want))
                    assert far <= TOLERANCE, (path, len(run["ids"]), pool, far)
                    worst = max(worst, far)
    print("# largest difference %.1e" % worst, flush=True)


def test_same_bits():
    """Alone and among others, in chunks of any size, with any kernels and threads."""
    texts = ["a text of number %d" % i * (1 + i * 7 % 23) for i in range(80)]
    path = os.path.join(hob.TEMP, "texts")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(texts) + "\n")
    want = embed(TINY, "--file", path, "--lines")
    assert len(want) == len(texts)
    for i in (0, 1, 22, 79):
        assert embed(TINY, texts[i]) == [want[i]], i
    for words in (("--batch", "7"), ("--parallel", "1"), ("--parallel", "64", "--batch", "512"), ("--isa", "ref"),
                  ("--threads", "1")):
        assert embed(TINY, "--file", path, "--lines", *words) == want, words
    assert all(abs(math.fsum(x * x for x in vector) - 1) < 1e-6 for vector in want)
    out = os.path.join(hob.TEMP, "vectors.npy")
    hob.run("embed", TINY, "--lines", "-o", out, stdin="\n".join(texts).encode())
    rows, columns, got = hob.read_npy(out)
    assert (rows, columns) == (len(texts), len(want[0]))
    single = struct.pack("<%df" % columns, *want[3])
    assert struct.pack("<%df" % columns, *got[3 * columns:4 * columns]) == single
    raw = embed(TINY, texts[0], "--raw")[0]
    length = math.sqrt(math.fsum(x * x for x in raw))
    assert max(abs(a - b / length) for a, b in zip(want[0], raw)) < 1e-6
    plain = hob.run("embed", TINY, texts[0])[1].split()
    assert [float(x) for x in plain] == want[0]


def with_pooling(name, pooling, modules=None):
    folder = os.path.join(hob.TEMP, name)
    shutil.copytree(FOLDER, folder)
    os.makedirs(os.path.join(folder, "1_Pooling"))
    with open(os.path.join(folder, "1_Pooling", "config.json"), "w", encoding="utf-8") as file:
        json.dump(pooling, file)
    if modules:
        with open(os.path.join(folder, "modules.json"), "w", encoding="utf-8") as file:
            json.dump([{"idx": i, "name": str(i), "path": "", "type": "sentence_transformers.models." + m}
                       for i, m in enumerate(modules)], file)
    return folder


def test_pooling_of_the_model():
    ids = ("--tokens", "5,6,7,8")
    want = {pool: embed(FOLDER, *ids, "--pool", pool) for pool in ("mean", "cls", "last")}
    assert embed(FOLDER, *ids) == want["mean"] and len({str(v) for v in want.values()}) == 3
    flags = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "last": "pooling_mode_lasttoken"}
    for pool, flag in flags.items():
        config = {f: f == flag for f in flags.values()}
        folder = with_pooling("pool-" + pool, config, ("Transformer", "Pooling", "Normalize"))
        assert embed(folder, *ids) == want[pool], pool
    assert embed(with_pooling("pool-new", {"pooling_mode": "lasttoken"}), *ids) == want["last"]
    for name, config, modules, says in (
            ("max", {"pooling_mode_max_tokens": True}, None, "1_Pooling: max"),
            ("two", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, None, "several"),
            ("none", {}, None, "1_Pooling: none"), ("odd", {"pooling_mode": "odd"}, None, "1_Pooling: odd"),
            ("dense", {"pooling_mode_cls_token": True}, ("Transformer", "Pooling", "Dense"), "models.Dense")):
        folder = with_pooling("bad-" + name, config, modules)
        assert says in hob.run("embed", folder, "a", ok=(3,))[2], name
        hob.run("generate", folder, "--tokens", "1", "-n", "1")  # it still writes text


def test_refusals():
    assert "4 tokens" in hob.run("embed", TINY, "--tokens", "1,2,3,4", "--ctx", "3", ok=(5,))[2]
    for words, says in ((("a", "--pool", "max"), "--pool"), (("a", "--tokens", "1"), "want one of"),
                        (("--tokens", ""), "at least one"), (("--tokens", "99999"), "99999"),
                        (("a", "--lines"), "want one of")):
        assert says in hob.run("embed", TINY, *words, ok=(2,))[2], words
    assert "text 2" in hob.run("embed", TINY, "--lines", "--json", stdin=b"a\n\nb\n", ok=(2,))[2]


if __name__ == "__main__":
    hob.main([(name[5:], function) for name, function in list(globals().items()) if name.startswith("test_")])
