#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Break a tiny checkpoint in one known way, as a wrong engine would.

A test that compares logits is only worth what it would catch.  Each mutation
here turns a Hugging Face folder of tests/models/ into one that a *right* engine
reads as a *wrong* engine reads the original: biases forgotten, the +1 of
Gemma's norms forgotten, rope pairs taken side by side instead of half a head
apart, and so on.  So a right engine's logits on the mutated folder must lie far
from the golden logits of the original.  tools/goldens_tiny.py has verified, with
the reference implementation, that every mutation listed for a committed folder
moves a golden row by at least 0.02, a hundred times the tolerance.

    tests/mutate.py --list FOLDER         the mutations that apply, one a line
    tests/mutate.py FOLDER NAME DEST      write the mutated folder to DEST
    import mutate; mutate.names(folder); mutate.apply(folder, name, dest)

Python standard library only.  Exit: 0 ok, 2 usage.
"""

import json
import math
import os
import re
import shutil
import struct
import sys

BYTES = {"F32": 4, "F16": 2, "BF16": 2}


# ------------------------------------------------------------- safetensors

class Tensors:
    """A safetensors file in memory: name -> (dtype, shape, list of floats)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        (size,) = struct.unpack_from("<Q", data, 0)
        header = json.loads(data[8:8 + size])
        self.metadata = header.pop("__metadata__", None)
        self.info, self.raw = {}, {}
        for name, t in header.items():
            begin, end = t["data_offsets"]
            self.info[name] = (t["dtype"], t["shape"])
            self.raw[name] = data[8 + size + begin:8 + size + end]

    def get(self, name):
        dtype, _ = self.info[name]
        raw = self.raw[name]
        if dtype == "F32":
            return list(struct.unpack("<%df" % (len(raw) // 4), raw))
        if dtype == "F16":
            return list(struct.unpack("<%de" % (len(raw) // 2), raw))
        halves = struct.unpack("<%dH" % (len(raw) // 2), raw)
        return list(struct.unpack("<%df" % len(halves),
                                  struct.pack("<%dI" % len(halves), *[h << 16 for h in halves])))

    def set(self, name, values):
        dtype, _ = self.info[name]
        if dtype == "F32":
            self.raw[name] = struct.pack("<%df" % len(values), *values)
        elif dtype == "F16":
            self.raw[name] = struct.pack("<%de" % len(values), *values)
        else:
            words = struct.unpack("<%dI" % len(values), struct.pack("<%df" % len(values), *values))
            self.raw[name] = struct.pack(
                "<%dH" % len(words), *[(w + 0x7FFF + ((w >> 16) & 1)) >> 16 for w in words])

    def map(self, pattern, change):
        """Replace each value of the tensors whose name matches."""
        for name in self.matching(pattern):
            self.set(name, [change(v) for v in self.get(name)])

    def permute_rows(self, name, order):
        """Row i becomes what row order[i] was; for a vector, element i."""
        _, shape = self.info[name]
        row = len(self.raw[name]) // shape[0]
        old = self.raw[name]
        self.raw[name] = b"".join(old[o * row:(o + 1) * row] for o in order)

    def matching(self, pattern):
        return [n for n in self.info if re.search(pattern, n)]

    def drop(self, name):
        del self.info[name], self.raw[name]

    def write(self, path):
        header, at = {}, 0
        if self.metadata is not None:
            header["__metadata__"] = self.metadata
        for name, (dtype, shape) in self.info.items():
            size = len(self.raw[name])
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            for name in self.info:
                f.write(self.raw[name])


# ------------------------------------------------------------------ configs

def head_dim(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def is_gemma(c):
    return c["model_type"].startswith("gemma3")


def ropes(c):
    """The objects that hold rope numbers, by kind: (kind, object, theta key).

    Newer configs nest them in rope_parameters, once a layer type for gemma3;
    older ones have rope_theta, rope_local_base_freq and rope_scaling on top.
    """
    p = c.get("rope_parameters")
    if p is None:
        found = [("full" if is_gemma(c) else "all", c, "rope_theta")]
        if is_gemma(c):
            found.append(("sliding", c, "rope_local_base_freq"))
        return found
    if "full_attention" in p:
        return [("full", p["full_attention"], "rope_theta"),
                ("sliding", p["sliding_attention"], "rope_theta")]
    return [("all", p, "rope_theta")]


def scaling(c):
    """The object with a rope scaling's factor, or None where there is none."""
    old = c.get("rope_scaling")
    if old:
        return old
    for _, p, _ in ropes(c):
        if p is not c and p.get("rope_type", "default") != "default":
            return p
    return None




# ---------------------------------------------------------------- mutations
# Each takes (config, tensors) and changes them in place.

def no_bias(part):
    return lambda c, t: t.map(r"%s\.bias$" % part, lambda v: 0.0)


def no_norm_weight(part):
    def change(c, t):
        # gemma3 stores w and applies 1 + w, so its neutral weight is 0.
        one = 0.0 if is_gemma(c) else 1.0
        t.map(r"(^|\.)%s\.weight$" % part, lambda v: one)
    return change


def no_plus_one(part):
    return lambda c, t: t.map(r"(^|\.)%s\.weight$" % part, lambda v: v - 1.0)


def other_rope_pairing(c, t):
    """Pairs (2i, 2i+1) of the original come to lie half a head apart."""
    d = head_dim(c)
    order = [2 * i for i in range(d // 2)] + [2 * i + 1 for i in range(d // 2)]
    for name in t.matching(r"[qk]_proj\.(weight|bias)$"):
        rows = t.info[name][1][0]
        t.permute_rows(name, [h * d + o for h in range(rows // d) for o in order])
    for name in t.matching(r"[qk]_norm\.weight$"):  # of one head, or of all
        t.permute_rows(name, [h * d + o for h in range(t.info[name][1][0] // d) for o in order])


def wrong_theta(kind):
    def change(c, t):
        for k, holder, key in ropes(c):
            if k == kind:
                holder[key] = 500000.0 if holder[key] < 100000.0 else 10000.0
    return change


def no_rope_scaling(c, t):
    if c.get("rope_scaling"):
        c["rope_scaling"] = None
        return
    p = scaling(c)
    theta = p["rope_theta"]
    p.clear()
    p.update(rope_type="default", rope_theta=theta)


def wrong_rope_original(c, t):
    """What a converter does that looks for the length in the wrong place."""
    scaling(c)["original_max_position_embeddings"] = 8192


def scaling_on_sliding_layers(c, t):
    p = c["rope_parameters"]
    p["sliding_attention"].update(rope_type="linear", factor=p["full_attention"]["factor"])


def window(change_by):
    def change(c, t):
        c["sliding_window"] = 1 << 20 if change_by is None else c["sliding_window"] + change_by
    return change


def all_layers_sliding(c, t):
    c.pop("sliding_window_pattern", None)
    c["layer_types"] = ["sliding_attention"] * c["num_hidden_layers"]


def wrong_scale(c, t):
    """Scores scaled by the wrong size: embedding / heads, or for gemma3 the head
    size where the config says otherwise."""
    d, other = head_dim(c), c["hidden_size"] // c["num_attention_heads"]
    if is_gemma(c):
        c["query_pre_attn_scalar"] = d if c["query_pre_attn_scalar"] != d else other
        return
    factor = math.sqrt(d / other) if other != d else math.sqrt(2.0)
    if t.matching(r"q_norm\.weight$"):          # a norm undoes a scaled projection
        t.map(r"q_norm\.weight$", lambda v: v * factor)
    else:
        t.map(r"q_proj\.(weight|bias)$", lambda v: v * factor)


def wrong_eps(c, t):
    c["rms_norm_eps"] = 1e-6


def wrong_activation(c, t):
    key = "hidden_activation" if is_gemma(c) else "hidden_act"
    c[key] = "silu" if is_gemma(c) else "gelu_pytorch_tanh"


def swap_gate_up(c, t):
    for name in t.matching(r"gate_proj\.(weight|bias)$"):
        other = name.replace("gate_proj", "up_proj")
        t.raw[name], t.raw[other] = t.raw[other], t.raw[name]


def other_kv_heads(c, t):
    """Query head h reads kv head h mod n instead of h / (heads / n)."""
    d, heads, kv = head_dim(c), c["num_attention_heads"], c["num_key_value_heads"]
    # Query head h of the wrong engine sits where a right one gives it kv head h % kv.
    heads_in_order = [h for g in range(kv) for h in range(heads) if h % kv == g]
    for name in t.matching(r"q_proj\.(weight|bias)$|q_norm\.weight$"):
        if t.info[name][1][0] > d:  # not a norm of one head
            t.permute_rows(name, [h * d + i for h in heads_in_order for i in range(d)])
    for name in t.matching(r"o_proj\.weight$"):
        dtype, (rows, cols) = t.info[name]
        old, size = t.raw[name], BYTES[t.info[name][0]]
        out = bytearray()
        for r in range(rows):
            row = old[r * cols * size:(r + 1) * cols * size]
            for h in heads_in_order:
                out += row[h * d * size:(h + 1) * d * size]
        t.raw[name] = bytes(out)


def tied_head(c, t):
    c["tie_word_embeddings"] = True
    t.drop("lm_head.weight")


def mutations(c, t):
    """Every mutation that applies to this checkpoint: name -> function."""
    found = {}
    for part in ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"):
        if t.matching(r"%s\.bias$" % part):
            found["no-bias:" + part] = no_bias(part)
    for part in ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                 "post_feedforward_layernorm", "q_norm", "k_norm", "model.norm"):
        pattern = part.replace(".", r"\.")
        if t.matching(r"(^|\.)%s\.weight$" % pattern):
            found["no-norm-weight:" + part] = no_norm_weight(pattern)
            if is_gemma(c):
                found["no-plus-one:" + part] = no_plus_one(pattern)
    found["other-rope-pairing"] = other_rope_pairing
    for kind, _, _ in ropes(c):
        found["wrong-theta:" + kind] = wrong_theta(kind)
    if scaling(c):
        found["no-rope-scaling"] = no_rope_scaling
        if "original_max_position_embeddings" in scaling(c):
            found["wrong-rope-original"] = wrong_rope_original
        if is_gemma(c) and c.get("rope_parameters"):
            found["scaling-on-sliding-layers"] = scaling_on_sliding_layers
    if is_gemma(c) or c.get("use_sliding_window"):
        found["no-window"] = window(None)
        found["window-one-more"] = window(1)
        found["window-one-less"] = window(-1)
        found["all-layers-sliding"] = all_layers_sliding
    found["wrong-scale"] = wrong_scale
    found["wrong-eps"] = wrong_eps
    found["wrong-activation"] = wrong_activation
    found["swap-gate-up"] = swap_gate_up
    if 1 < c["num_key_value_heads"] < c["num_attention_heads"]:
        found["other-kv-heads"] = other_kv_heads
    if "lm_head.weight" in t.info:
        found["tied-head"] = tied_head
    return found


def read(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    return config, Tensors(os.path.join(folder, "model.safetensors"))


def names(folder):
    """The mutations that apply to a committed folder, in a fixed order."""
    return list(mutations(*read(folder)))


def apply(folder, name, dest):
    """Write the folder, mutated, to dest (made if need be); return dest."""
    config, tensors = read(folder)
    mutations(config, tensors)[name](config, tensors)
    os.makedirs(dest, exist_ok=True)
    for entry in os.listdir(folder):
        if entry not in ("config.json", "model.safetensors"):
            shutil.copy(os.path.join(folder, entry), os.path.join(dest, entry))
    with open(os.path.join(dest, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    tensors.write(os.path.join(dest, "model.safetensors"))
    return dest


def main(argv):
    if len(argv) == 2 and argv[0] == "--list":
        print("\n".join(names(argv[1])))
        return 0
    if len(argv) == 3 and argv[0] != "--list":
        if argv[1] not in names(argv[0]):
            sys.stderr.write("mutate.py: %s: no mutation '%s' applies\n" % (argv[0], argv[1]))
            return 2
        print(apply(*argv))
        return 0
    sys.stderr.write("usage: mutate.py --list FOLDER | mutate.py FOLDER NAME DEST\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
