#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hob refuses a Hugging Face folder with a malformed file: exit code 3 and one line that names the field, no signal.

Every case is a committed tiny checkpoint with one file replaced. Python standard library only."""
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
import hob  # noqa: E402

FOLDER = os.path.join(hob.MODELS, "tiny-qwen2-odd")
WEIGHT = "model.layers.0.self_attn.q_proj.weight"
SECONDS = 60


def load(name):
    with open(os.path.join(FOLDER, name), "rb") as file:
        return file.read()


CONFIG, TOKENIZER, GENERATION, WEIGHTS = (
    load(n) for n in ("config.json", "tokenizer.json", "generation_config.json", "model.safetensors"))
HEADER_END = 8 + struct.unpack_from("<Q", WEIGHTS)[0]
cases = []  # (name, file, its bytes, word of the message, command)


def changed(text, change):
    """JSON text after change(object)."""
    value = json.loads(text)
    change(value)
    return json.dumps(value).encode()


def config(name, word, **members):
    """config.json with members replaced; None takes one out."""
    def change(value):
        value.update(members)
        for key in [k for k, v in members.items() if v is None]:
            del value[key]
    cases.append(("config " + name, "config.json", changed(CONFIG, change), word, "logits"))


def tokenizer(name, word, change):
    cases.append(("tokenizer " + name, "tokenizer.json", changed(TOKENIZER, change), word, "tokenize"))


def generation(name, word, **members):
    cases.append(("generation " + name, "generation_config.json", changed(GENERATION, lambda v: v.update(members)), word,
                  "generate"))


def weights(name, word, data):
    cases.append(("safetensors " + name, "model.safetensors", data, word, "logits"))


def header(name, word, change):
    """A safetensors header after change(object)."""
    text = change if isinstance(change, bytes) else changed(WEIGHTS[8:HEADER_END], change)
    weights(name, word, struct.pack("<Q", len(text)) + text + WEIGHTS[HEADER_END:])


for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size",
            "max_position_embeddings", "rms_norm_eps"):
    for value in ("7", -1, 0, [], {}, 1 << 62, 1e300, None):
        config("%s %r" % (key, value), key, **{key: value})
for value in ("7", -1, 0, [], float("inf")):
    config("rope_theta %r" % value, "config.json" if value == float("inf") else "rope_theta", rope_theta=value)
for value in (332, 334, 1.5, "333"):
    config("vocab_size %r" % value, "vocab_size", vocab_size=value)
for value in ("Qwen2ForCausalLM", [], [5], ["FooForCausalLM"], ["\x1b[2J"], None):
    config("architectures %r" % value, "architectures", architectures=value)
for value, word in ((5, "rope_scaling"), ("linear", "rope_scaling"), ([1], "rope_scaling"), ({"type": 5}, "type"),
                    ({"type": "yarn", "factor": 4}, "yarn"), ({"type": "linear"}, "rope_scaling.factor"),
                    ({"type": "linear", "factor": -1}, "rope_scaling.factor"),
                    ({"rope_type": "llama3", "factor": 8}, "rope_scaling.low_freq_factor")):
    config("rope_scaling %r" % value, word, rope_scaling=value)
config("hidden_act", "hidden_act", hidden_act="tanh")
config("tie_word_embeddings", "tie_word_embeddings", tie_word_embeddings="yes")
config("quantization_config", "quantization_config", quantization_config={"quant_method": "gptq"})
SLIDING = {"use_sliding_window": True, "sliding_window": 8}
config("layer_types", "layer_types", **SLIDING, layer_types=["chunked_attention"] * 4)
config("layer_types short", "layer_types", **SLIDING, layer_types=["full_attention"])
config("sliding_window", "sliding_window", **dict(SLIDING, sliding_window=None))
config("max_window_layers", "max_window_layers", **SLIDING, max_window_layers=None)
for name, text in (("empty", b""), ("zeros", bytes(50)), ("array", b"[]"), ("cut", CONFIG[:-9]), ("deep", b"[" * 100000),
                   ("large number", b'{"a": 1e999}'), ("twice", b'{"a": 1, "a": 2}'), ("UTF-8", b'{"\xff": 1}')):
    cases.append(("config " + name, "config.json", text, "config.json", "logits"))
    cases.append(("tokenizer " + name, "tokenizer.json", text, "tokenizer.json", "tokenize"))

for name, word, change in (
        ("no model", "model", lambda t: t.pop("model")),
        ("other model", "Foo", lambda t: t["model"].update(type="Foo")),
        ("vocab", "model.vocab", lambda t: t["model"].pop("vocab")),
        ("negative id", "model.vocab", lambda t: t["model"]["vocab"].update(a=-1)),
        ("huge id", "model.vocab", lambda t: t["model"]["vocab"].update(a=1 << 40)),
        ("id as text", "model.vocab", lambda t: t["model"]["vocab"].update(a="5")),
        ("merges", "merges", lambda t: t["model"].pop("merges")),
        ("merge of one", "merge", lambda t: t["model"]["merges"].insert(0, ["a"])),
        ("merge of none", "merge", lambda t: t["model"]["merges"].insert(0, ["qq", "zz"])),
        ("pre-tokenizer", "Nope", lambda t: t.update(pre_tokenizer={"type": "Nope"})),
        ("normalizer", "Nope", lambda t: t.update(normalizer={"type": "Nope"})),
        ("decoder", "Nope", lambda t: t.update(decoder={"type": "Nope"})),
        ("added token", "added_tokens", lambda t: t.update(added_tokens=[5])),
        ("added id", "added_tokens", lambda t: t["added_tokens"][0].update(id=1 << 50))):
    tokenizer(name, word, change)

for key, values in (("temperature", ("hot", -3, [])), ("top_p", (2, {})), ("top_k", ("5",)),
                    ("eos_token_id", ("2", -1, 10 ** 9, [2, "3"], [2] * 65))):
    for value in values:
        generation("%s %.30r" % (key, value), key, **{key: value})

size = len(WEIGHTS) - 8
for length in (0, 1, size + 1, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1):
    weights("length %d" % length, "length", struct.pack("<Q", length) + WEIGHTS[8:])
weights("empty", "0 bytes", b"")
weights("cut in the header", "header", WEIGHTS[:100])
weights("cut in the data", "data_offsets", WEIGHTS[:-1])
weights("something behind", "data", WEIGHTS + b"x")
header("no JSON", "line 1", b"{" + b"x" * 100)
header("deep", "deeper", b'{"a":' * 5000 + b"1" + b"}" * 5000)
header("no object", WEIGHT, lambda h: h.update({WEIGHT: 3}))
header("missing", WEIGHT, lambda h: h.update({"z": h.pop(WEIGHT)}))
header("metadata", "__metadata__", lambda h: h.update(__metadata__={"a": 1}))
for key, values in (("dtype", (None, 5, "", "f32", "F8_E4M3", "I16")),
                    ("shape", (None, "x", [-1, 60], [1.5], [1 << 62, 1 << 62], [0, 60], [1] * 5, [[60]])),
                    ("data_offsets", (None, [0], [5, 1], [-4, 4], [0, 1 << 62], ["0", "4"], [0, 4, 8]))):
    for value in values:
        header("%s %r" % (key, value), WEIGHT, lambda h, k=key, v=value: h[WEIGHT].update({k: v}))


def check(file, data, word, command):
    folder = os.path.join(hob.TEMP, "folder")
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(FOLDER):
        with open(os.path.join(folder, name), "wb") as out:
            out.write(data if name == file else load(name))
    more = {"logits": ["--tokens", "1,2,3", "-t", 1, "-o", folder + ".npy"], "tokenize": ["hello", "--json"],
            "generate": ["hello", "-n", 2, "-t", 1]}[command]
    done = subprocess.run([hob.HOB, command, folder, *map(str, more)], capture_output=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL, env=hob.ENV, check=False)
    said = done.stderr.decode("utf-8", "backslashreplace")
    assert done.returncode == 3, "exit %d: %s" % (done.returncode, said[-2000:])
    assert said.startswith("hob: ") and said.count("\n") == 1 and said.endswith("\n"), said[-2000:]
    assert word in said, "want %s: %s" % (word, said)
    assert all(c >= " " for c in said[:-1]), repr(said)


hob.main([(name, lambda c=case: check(*c)) for name, *case in cases])
