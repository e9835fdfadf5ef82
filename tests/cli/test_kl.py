#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The usual evaluation of the real models against --precise: mean KL divergence of the next token. With HOB_TEST_LONG
over 2,000 tokens, and perplexity over 20,000; else over fewer."""
import glob
import json
import math
import os
import subprocess

import hob

LIMITS = {"smollm2": 6e-3, "gemma3-270m": 6e-3, "qwen2.5-coder-0.5b": 1e-3}
KL = os.path.join(os.path.dirname(hob.HOB), "bench", "bench_kl")
COUNTS = ("-n", "2000", "-p", "20000") if hob.LONG else ("-n", "256", "-p", "100", "-c", "256")


def text():
    """English and C: the text of the goldens, then the docs and headers of this repository."""
    path = os.path.join(hob.TEMP, "text")
    parts = [os.path.join(hob.GOLDENS, "text-700.txt")]
    parts += sorted(glob.glob(os.path.join(hob.SOURCE, "docs", "*.md")))
    parts += sorted(glob.glob(os.path.join(hob.SOURCE, "src", "*", "*.h")))
    with open(path, "w", encoding="utf-8") as out:
        for part in parts:
            with open(part, encoding="utf-8") as file:
                out.write(file.read())
    return path


def check(name):
    path = hob.real_model(name)
    if not path:
        raise hob.Skip("tools/models %s has not fetched it" % name)
    done = subprocess.run([KL, path, text(), *COUNTS], capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr
    print("\n".join("# " + line for line in done.stdout.splitlines()[:-1]))
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["kl_tokens"] >= int(COUNTS[1]) and result["perplexity_tokens"] >= int(COUNTS[3])
    assert 0 < result["kl"] <= LIMITS[name], "KL %g, want at most %g" % (result["kl"], LIMITS[name])
    assert abs(math.log(result["perplexity"] / result["perplexity_precise"])) < 0.05


def exact_without_quantization():
    """Float weights meet float activations both ways; only the cache differs, and is given."""
    model = os.path.join(hob.MODELS, "tiny-qwen3-odd.gguf")
    done = subprocess.run([KL, model, text(), "-n", "500", "-p", "500", "-c", "128"], capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert 0 <= result["kl"] < 1e-3 and result["same_best"] > 0.95, result


def agrees_with_perplexity():
    """The tool and hob perplexity measure the same."""
    model, path = os.path.join(hob.MODELS, "tiny-llama-rope3.gguf"), text()
    done = subprocess.run([KL, model, path, "-n", "0", "-p", "600", "-c", "128"], capture_output=True, text=True,
                          timeout=600)
    want = json.loads(done.stdout.splitlines()[-1])
    chunks = want["perplexity_tokens"] // 63
    for flags, key in (((), "perplexity"), (("--precise",), "perplexity_precise"),
                       (("--parallel", 3, "--batch", 17), "perplexity")):
        got = hob.run_json("perplexity", model, "--file", path, "--ctx", 128, "--chunks", chunks, *flags)
        assert got["tokens"] == want["perplexity_tokens"] and got["chunks"] == chunks
        assert abs(got["perplexity"] / want[key] - 1) < 1e-6, (got, want)
        assert got["stderr"] > 0


tests = [("float weights need no 8-bit activations", exact_without_quantization),
         ("hob perplexity says the same", agrees_with_perplexity)]
hob.main(tests + [(name + " stays near --precise", lambda n=name: check(n)) for name in hob.REAL])
