#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write malformed GGUF files, and odd ones that are right.

    tools/bad_gguf.py FOLDER

Everything is derived from one tiny llama (32 wide, 2 layers, 300 tokens), always
the same bytes.  FOLDER/index.json says of each file what must happen:

    {"NAME.gguf": {"exit": 3, "names": ["blk.0.attn_q.weight"], "with": "inspect"}, ...}

exit    the exit code; 0 where the file must load
names   any one of these stands in the message (absent where exit is 0)
with    the command that must say so: inspect, logits (--tokens 1,2,3) or
        tokenize.  What inspect refuses, the others refuse as well
same    the file whose logits are the same, byte for byte

Python standard library only.  Exit: 0 ok, 2 usage.
"""

import json
import os
import struct
import sys
from pathlib import Path

from gguf_file import (E, F, FORMATS, HEADS, KV, LAYERS, File, Noise, base, number, parts, spm, string, vocabulary,
                       weights)

LARGE = {"2e31": 2 ** 31, "2e32": 2 ** 32, "2e61": 2 ** 61, "2e63": 2 ** 63, "most": 2 ** 64 - 1}
NAN, INF = float("nan"), float("inf")


# ---- writing ------------------------------------------------------------------------------------------------------

class Collection:
    def __init__(self, folder):
        self.folder, self.index = Path(folder), {}
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, name, data):
        path = self.folder / name
        with open(path, "wb") as out:
            out.write(data.bytes() if isinstance(data, File) else data)
        return path

    def make(self, name, how):
        """Something that is no plain file, by how(path)."""
        path = self.folder / name
        if path.is_symlink() or path.exists():
            path.unlink()
        how(path)

    def expect(self, name, code, names=None, command="inspect", same=False):
        assert name not in self.index, name
        row = {"exit": code, "with": command}
        if same:
            row["same"] = "odd-plain.gguf"
        if code:
            row["names"] = [names] if isinstance(names, str) else list(names)
        self.index[name] = row

    def bad(self, name, data, names, command="inspect", code=3):
        self.write(name + ".gguf", data)
        self.expect(name + ".gguf", code, names, command)

    def odd(self, name, data, command="logits", same=True):
        """One that must load; `same`: the same model as the plain one, in another dress."""
        self.write("odd-" + name + ".gguf", data)
        self.expect("odd-" + name + ".gguf", 0, command=command, same=same and command == "logits")

    def sparse(self, name, head, size, names, code):
        """A file of `size` bytes that holds only its head."""
        path = self.write(name + ".gguf", head)
        os.truncate(path, size)
        self.expect(name + ".gguf", code, names)


# ---- malformed: the container -------------------------------------------------------------------------------------

def bad_identity(out):
    header = struct.pack("<QQ", 0, 0)
    whole = base().bytes()
    for name, data, word in (
            ("empty", b"", "empty"), ("one-byte", b"G", "GGUF"), ("three-bytes", b"GGU", "GGUF"),
            ("text", b"This is a text about llamas.\n" * 4, "GGUF"), ("zeros", bytes(4096), "GGUF"),
            ("ggml", b"lmgg" + bytes(64), "GGML"), ("ggml-upper", b"GGML" + bytes(64), "GGML"),
            ("ggmf", b"fmgg\1\0\0\0" + bytes(64), "GGMF"), ("ggjt", b"tjgg\3\0\0\0" + bytes(64), "GGJT"),
            ("zip", b"PK\3\4\0\0\0\0" + bytes(64), "pickle"), ("pickle", b"\x80\2}q\1." + bytes(64), "pickle"),
            ("safetensors", struct.pack("<Q", 2) + b"{}" + bytes(64), "safetensors"),
            ("gzip", b"\x1f\x8b\x08\0" + bytes(64), "gzip"), ("page", b"<!DOCTYPE html><html></html>", "web page"),
            ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "LFS"),
            ("swapped", b"FUGG" + whole[4:], "big-endian"), ("lower", b"gguf" + whole[4:], "GGUF"),
            ("big-endian-2", b"GGUF" + struct.pack(">IQQ", 2, 0, 0), "big-endian"),
            ("big-endian-3", b"GGUF" + struct.pack(">IQQ", 3, 1, 1) + bytes(64), "big-endian")):
        out.bad("is-" + name, data, word)
    for version in (0, 1, 4, 5, 255, 65536 + 3, 2 ** 31, 2 ** 32 - 1):
        out.bad(f"version-{version}", b"GGUF" + struct.pack("<I", version) + header + whole[24:], ["version", "endian"])


def bad_truncated(out):
    file = base()
    whole, marks = file.bytes(), file.marks
    for at, word in ((4, "version"), (6, "version"), (8, "tensor_count"), (13, "tensor_count"),
                     (16, ["metadata_kv_count", "tensor_count"]),
                     (23, ["metadata_kv_count", "tensor_count"]),
                     (24, ["tensor_count", "metadata entry 0"]), (100, "tensor_count")):
        out.bad(f"cut-header-{at}", whole[:at], word)
    # With one tensor, tensor_count leaves room for a file that is cut here.
    few = base()
    few.tensors = few.tensors[:1]
    cut, at = few.bytes(), few.marks
    for i, (key, kind, _) in enumerate(few.entries):
        if i < 2:   # too few bytes for the number of entries
            continue
        key_names = [key, f"metadata entry {i}", "metadata_kv_count"]
        out.bad(f"cut-key-length-{i}", cut[:at["key", i] + 3], key_names)
        out.bad(f"cut-key-{i}", cut[:at["key", i] + 12], key_names)
        out.bad(f"cut-type-{i}", cut[:at["type", i] + 2], key_names)
        out.bad(f"cut-value-{i}", cut[:at["end", i] - 1], key_names)
        if kind == "array":
            out.bad(f"cut-array-type-{i}", cut[:at["value", i] + 2], key)
            out.bad(f"cut-array-length-{i}", cut[:at["value", i] + 7], key)
            out.bad(f"cut-array-middle-{i}", cut[:(at["value", i] + at["end", i]) // 2], key)
    for i in (0, 7, len(file.tensors) - 1):
        name = file.tensors[i][0]
        out.bad(f"cut-tensor-name-{i}", whole[:marks["name", i] + 9], [f"tensor {i}", name])
        out.bad(f"cut-tensor-dims-{i}", whole[:marks["dims", i] + 2], name)
        out.bad(f"cut-tensor-dim-{i}", whole[:marks["dims", i] + 9], name)
        out.bad(f"cut-tensor-type-{i}", whole[:marks["format", i] + 1], name)
        out.bad(f"cut-tensor-offset-{i}", whole[:marks["offset", i] + 5], name)
        out.bad(f"cut-data-start-{i}", whole[:marks["data", i]], name)
        out.bad(f"cut-data-middle-{i}", whole[:marks["data", i] + 16], name)
    out.bad("cut-infos", whole[:marks["infos end"]], file.tensors[0][0])
    out.bad("cut-last-byte", whole[:-1], file.tensors[-1][0])


def bad_counts(out):
    file = base()
    whole = file.bytes()
    for label, value in LARGE.items():
        packed = struct.pack("<Q", value)
        out.bad(f"tensors-{label}", whole[:8] + packed + whole[16:], "tensor_count")
        out.bad(f"tensors-{label}-short", whole[:8] + packed + bytes(8), "tensor_count")
        out.bad(f"entries-{label}", whole[:16] + packed + whole[24:], "metadata_kv_count")
        out.bad(f"entries-{label}-short", b"GGUF" + struct.pack("<IQ", 3, 0) + packed, "metadata_kv_count")
    n = len(file.tensors)
    out.bad("tensors-one-more", whole[:8] + struct.pack("<Q", n + 1) + whole[16:], f"tensor {n}")
    out.bad("entries-one-less", whole[:16] + struct.pack("<Q", len(file.entries) - 1) + whole[24:],
            file.entries[-1][0])
    for label, value in LARGE.items():
        packed = struct.pack("<Q", value)
        for i, (key, kind, _) in enumerate(file.entries):
            if i in (0, 5, 13):
                out.bad(f"key-length-{label}-{i}", file.patched(("key", i), packed), f"metadata entry {i}")
            if kind == "string" and i < 12:
                out.bad(f"string-length-{label}-{i}", file.patched(("value", i), packed), key)
            if kind == "array":
                out.bad(f"array-length-{label}-{i}", file.patched(("value", i), packed, 4), key)
            if kind == "array" and i == 13:
                out.bad(f"token-length-{label}", file.patched(("value", i), packed, 12), key)
        for i in (0, 4):
            out.bad(f"name-length-{label}-{i}", file.patched(("name", i), packed), f"tensor {i}")
    # Limits of hob where the file does have the bytes.
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    out.sparse("limit-string", head + string("tokenizer.chat_template") + struct.pack("<IQ", 8, (16 << 20) + 1),
               17 << 20, "tokenizer.chat_template", 5)
    out.sparse("limit-array", head + string("some.array") + struct.pack("<IIQ", 9, 0, (1 << 24) + 1),
               17 << 20, "some.array", 5)
    out.sparse("limit-tensors", b"GGUF" + struct.pack("<IQQ", 3, (1 << 20) + 1, 0), 40 << 20,
               "tensor_count", 5)
    out.sparse("limit-entries", b"GGUF" + struct.pack("<IQQ", 3, 0, (1 << 16) + 1), 2 << 20,
               "metadata_kv_count", 5)
    out.sparse("strings-of-1-gib", head + string("some.array") + struct.pack("<IIQQ", 9, 8, 10 ** 6, 2 ** 30),
               8 << 20, "some.array", 3)


def bad_types(out):
    file = base()
    for value in (13, 14, 255, 2 ** 31, 2 ** 32 - 1):
        packed = struct.pack("<I", value)
        for i in (0, 4):
            out.bad(f"value-type-{value}-{i}", file.patched(("type", i), packed), file.entries[i][0])
        out.bad(f"element-type-{value}", file.patched(("value", 13), packed), "tokenizer.ggml.tokens")
    nested = struct.pack("<IQIQ", 9, 1, 0, 0)
    for depth in (1, 2, 1000):
        data = string("deep") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * depth + struct.pack("<IQ", 0, 0)
        out.bad(f"array-of-arrays-{depth}", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + data, "deep")
    out.bad("array-of-arrays-tokens", file.patched(("value", 13), nested), "tokenizer.ggml.tokens")
    bools = base().set("flags", "array", ("bool", [0, 1, 2, 1]))
    out.bad("bool-array-2", bools, "flags")
    for value in (2, 128, 255):
        out.bad(f"bool-{value}", base().set("tokenizer.ggml.add_bos_token", "bool", value),
                "tokenizer.ggml.add_bos_token")
    last = len(file.entries)
    for name, key, words in (("empty", "", f"metadata entry {last}"), ("nul", "a\0b", f"metadata entry {last}"),
                             ("not-utf8", b"key\xff\xfe", f"metadata entry {last}"),
                             ("overlong", b"key\xc0\xaf", f"metadata entry {last}"),
                             ("surrogate", b"key\xed\xa0\x80", f"metadata entry {last}"),
                             ("65536-bytes", "k" * 65536, f"metadata entry {last}")):
        other = base()
        other.entries.append([key, "u8", 1])
        out.bad(f"key-{name}", other, words)
    for key in ("general.architecture", "llama.block_count", "tokenizer.ggml.tokens"):
        other = base()
        other.entries.append(list(other.find(key)))
        out.bad(f"key-twice-{key}", other, key)
    twice = base()
    twice.entries += [["x.unknown", "u8", 1], ["x.unknown", "string", "two"]]
    out.bad("key-twice-other-type", twice, "x.unknown")
    for name, kind, value in (("0", "u32", 0), ("1", "u32", 1), ("2", "u32", 2), ("3", "u32", 3), ("4", "u32", 4),
                              ("7", "u32", 7), ("24", "u32", 24), ("33", "u32", 33), ("2e17", "u32", 1 << 17),
                              ("2e31", "u32", 1 << 31), ("most", "u32", 2 ** 32 - 1), ("2e40", "u64", 1 << 40),
                              ("2e63", "u64", 1 << 63), ("i32", "i32", 32), ("negative", "i32", -32),
                              ("f32", "f32", 32.0), ("string", "string", "32"), ("bool", "bool", 1),
                              ("array", "array", ("u32", [32]))):
        out.bad(f"alignment-{name}", base().set("general.alignment", kind, value), "general.alignment")


# ---- malformed: tensors -------------------------------------------------------------------------------------------

def bad_tensors(out):
    file = base()
    file.bytes()
    q, norm = next(i for i, t in enumerate(file.tensors) if t[0] == "blk.0.attn_q.weight"), 1
    name = file.tensors[q][0]
    for n in (0, 5, 8, 2 ** 31, 2 ** 32 - 1):
        out.bad(f"dims-{n}", file.patched(("dims", q), struct.pack("<I", n)), name)
    for axis in (0, 1):
        for label, value in (("0", 0), ("2e40+1", 2 ** 40 + 1), ("2e62", 2 ** 62), ("2e63-1", 2 ** 63 - 1),
                             *LARGE.items()):
            out.bad(f"dim{axis}-{label}", file.patched(("dims", q), struct.pack("<Q", value), 4 + 8 * axis), name)
    for label, a, b in (("2e32", 2 ** 32, 2 ** 32), ("2e40", 2 ** 40, 2 ** 40), ("2e39", 2 ** 39, 2 ** 25)):
        out.bad(f"product-{label}", file.patched(("dims", q), struct.pack("<QQ", a, b), 4), name)
    four = base()
    four.tensor(name)[1] = (32, 1, 1, 32)
    four.bytes()
    out.bad("product-of-four", four.patched(("dims", q), struct.pack("<QQQQ", *[2 ** 32] * 4), 4), name)
    out.bad("dim-pad-wraps", file.patched(("dims", norm), struct.pack("<Q", 2 ** 62 - 1), 4),
            file.tensors[norm][0])
    for kind in (4, 5, 31, 32, 33, 36, 37, 38, 43, 97, 133, 255, 9999, 2 ** 31, 2 ** 32 - 1):
        out.bad(f"tensor-type-{kind}", file.patched(("format", q), struct.pack("<I", kind)), name)
    for kind in (10, 11, 12, 13, 14, 16, 23):   # blocks of 256, rows of 32
        out.bad(f"tensor-block-{kind}", file.patched(("format", q), struct.pack("<I", kind)), name)
    out.bad("tensor-row-33", file.patched(("dims", q), struct.pack("<Q", 33), 4), name)
    for shift in (1, 8, 16, 31):
        odd = base()
        odd.bytes()
        at = struct.unpack_from("<Q", odd.bytes(), odd.marks["offset", q])[0]
        out.bad(f"offset-plus-{shift}", odd.patched(("offset", q), struct.pack("<Q", at + shift)), name)
    for label, value in (("end", 1 << 20), ("2e31", 1 << 31), ("2e32", 1 << 32), ("2e63", 1 << 63),
                         ("wraps", 2 ** 64 - 32)):
        out.bad(f"offset-{label}", file.patched(("offset", q), struct.pack("<Q", value)), name)
    where = [struct.unpack_from("<Q", file.bytes(), file.marks["offset", i])[0] for i in range(len(file.tensors))]
    for label, i, value in (("same", q, where[0]), ("same-later", q, where[q + 1]), ("inside", q, where[0] + 32),
                            ("one-block", q, where[q] - 32), ("norm", 1, where[0] + 64)):
        others = [file.tensors[k][0] for k in range(len(file.tensors)) if k != i]
        out.bad(f"overlap-{label}", file.patched(("offset", i), struct.pack("<Q", value)),
                [file.tensors[i][0]] + others)
    for label, new, word in (("empty", "", f"tensor {q}"), ("nul", "a\0b", f"tensor {q}"),
                             ("not-utf8", b"\xff\xfeweight", f"tensor {q}"), ("cut-utf8", b"w\xe2\x96", f"tensor {q}"),
                             ("65-bytes", "n" * 65, f"tensor {q}"), ("1-mib", "n" * (1 << 20), f"tensor {q}"),
                             ("twice", "blk.1.attn_q.weight", "blk.1.attn_q.weight"),
                             ("twice-next", "token_embd.weight", "token_embd.weight")):
        other = base()
        other.tensor(name)[0] = new
        out.bad(f"name-{label}", other, word)


# ---- malformed: the model -----------------------------------------------------------------------------------------

def bad_model(out):
    def entry(label, key, kind, value):
        out.bad(f"{key}-{label}", base().set(key, kind, value), key, "logits")

    for key in ("llama.block_count", "llama.embedding_length", "llama.feed_forward_length",
                "llama.attention.head_count", "llama.context_length", "llama.attention.layer_norm_rms_epsilon"):
        out.bad(f"{key}-missing", base().drop(key), key, "logits")
        entry("string", key, "string", "2")
        entry("negative", key, "i32", -1) if "epsilon" not in key else entry("negative", key, "f32", -1e-5)
        entry("zero", key, "u32", 0) if "epsilon" not in key else entry("zero", key, "f32", 0.0)
        entry("strings", key, "array", ("string", ["2"]))
    for key in ("llama.block_count", "llama.embedding_length", "llama.feed_forward_length",
                "llama.attention.head_count", "llama.attention.head_count_kv", "llama.context_length"):
        entry("most", key, "u32", 2 ** 32 - 1)
        entry("huge", key, "u64", 2 ** 63)
        entry("float", key, "f32", 2.5)
    entry("513", "llama.block_count", "u32", 513)
    entry("10e6", "llama.block_count", "u32", 10 ** 6)
    out.bad("block-count-3", base().set("llama.block_count", "u32", 3), "blk.2.", "logits")
    out.bad("block-count-1", base().set("llama.block_count", "u32", 1), "blk.1.", "logits")
    entry("3", "llama.attention.head_count", "u32", 3)
    entry("3", "llama.attention.head_count_kv", "u32", 3)
    entry("8", "llama.attention.head_count_kv", "u32", 8)
    entry("0", "llama.attention.head_count_kv", "u32", 0)
    entry("2e40", "llama.context_length", "u64", 2 ** 40)
    entry("string", "llama.attention.head_count_kv", "string", "2")
    for value, label in ((NAN, "nan"), (INF, "inf"), (-1.0, "minus-1"), (2.0, "2")):
        entry(label, "llama.attention.layer_norm_rms_epsilon", "f32", value)
    for value, label in ((0.0, "0"), (NAN, "nan"), (INF, "inf"), (-10000.0, "negative")):
        entry(label, "llama.rope.freq_base", "f32", value)
    entry("string", "llama.rope.freq_base", "string", "10000")
    for value in (0, 7, 10, 2 ** 31):
        entry(str(value), "llama.rope.dimension_count", "u32", value)
    for value in (0, 2 ** 31):
        entry(str(value), "llama.attention.key_length", "u32", value)
        entry(str(value), "llama.attention.value_length", "u32", value)
    out.bad("key-length-16", base().set("llama.attention.key_length", "u32", 16),
            ["blk.0.attn_q.weight", "llama.attention.key_length"], "logits")
    out.bad("rope-scaling-unknown", base().set("llama.rope.scaling.type", "string", "spiral"),
            ["rope.scaling", "rope scaling"], "logits")
    for label, kind, value in (("unknown", "string", "gpt-9"), ("empty", "string", ""), ("number", "u32", 3),
                               ("long", "string", "a" * 100000), ("control", "string", "\x1b[2J\n")):
        out.bad(f"architecture-{label}", base().set("general.architecture", kind, value), "general.architecture",
                "logits")
    out.bad("architecture-missing", base().drop("general.architecture"), "general.architecture", "logits")
    file = base()
    for name in [t[0] for t in file.tensors if not t[0].startswith("blk.1.")]:
        out.bad(f"missing-{name}", base().drop_tensor(name), name, "logits")
        dims = file.tensor(name)[1]
        if len(dims) == 1:
            shapes = {"short": (E - 1,)}
        else:
            shapes = {"turned": dims[::-1], "row-less": (dims[0], dims[1] - 1), "wide": (dims[0] * 2, dims[1] // 2)}
        for label, shape in shapes.items():
            # Another number of token_embd's rows is another vocabulary, and a square turned is the same.
            if shape == dims or (label, name) == ("row-less", "token_embd.weight"):
                continue
            if shape[0] % 32 and len(shape) == 2:
                continue
            bent = base()
            form = bent.tensor(name)[2]
            bent.tensor(name)[1:] = [shape, form, weights(Noise(), form, shape)]
            out.bad(f"shape-{label}-{name}", bent, [name, "token_embd.weight"], "logits")
    for form in ("I8", "I32"):
        bent = base()
        bent.tensor("blk.0.ffn_up.weight")[2:] = [form, bytes(E * F * FORMATS[form][2])]
        out.bad(f"weight-of-{form}", bent, "blk.0.ffn_up.weight", "logits")
    extra = base()
    extra.tensors.append(["blk.0.attn_surprise.weight", (E,), "F32", bytes(4 * E)])
    out.bad("extra-tensor", extra, "blk.0.attn_surprise.weight", "logits")
    out.bad("no-tensors", base().only_vocabulary(), "token_embd.weight", "logits")


def bad_vocabulary(out):
    tokens, kinds, merges = vocabulary()

    def entry(label, key, kind, value, names=None):
        key = "tokenizer.ggml." + key
        out.bad(f"{key}-{label}", base().set(key, kind, value), names or key, "tokenize")

    out.bad("no-vocabulary", base().no_vocabulary(), "tokenizer.ggml.model", "tokenize")
    entry("none", "model", "string", "none")
    entry("unknown", "model", "string", "abacus")
    entry("number", "model", "u32", 1)
    entry("unknown", "pre", "string", "no-such-split", ["tokenizer.ggml.pre", "pre-tokenizer"])
    entry("number", "pre", "u32", 1)
    out.bad("tokens-missing", base().drop("tokenizer.ggml.tokens"), "tokenizer.ggml.tokens", "tokenize")
    entry("empty", "tokens", "array", ("string", []))
    entry("numbers", "tokens", "array", ("u32", list(range(300))))
    entry("string", "tokens", "string", "abc")
    out.bad("merges-missing", base().drop("tokenizer.ggml.merges"), "tokenizer.ggml.merges", "tokenize")
    entry("numbers", "merges", "array", ("u32", [1, 2]))
    words = ["tokenizer.ggml.merges", "merge"]
    entry("absent-left", "merges", "array", ("string", ["absent e"] + merges), words)
    entry("absent-right", "merges", "array", ("string", ["e absent"] + merges), words)
    entry("absent-result", "merges", "array", ("string", ["z z"] + merges), words)
    entry("one-word", "merges", "array", ("string", ["et"] + merges), words)
    entry("empty-word", "merges", "array", ("string", [""] + merges), words)
    for label, value in (("short", kinds[:-1]), ("long", kinds + [1]), ("empty", []), ("99", [99] + kinds[1:]),
                         ("negative", [-1] + kinds[1:])):
        entry(label, "token_type", "array", ("i32", value))
    entry("u8", "token_type", "array", ("u8", kinds))
    entry("strings", "token_type", "array", ("string", ["1"] * 300))
    entry("number", "token_type", "u32", 1)
    for key in ("bos_token_id", "eos_token_id", "unknown_token_id", "padding_token_id"):
        entry("300", key, "u32", 300)
        entry("minus-1", key, "i32", -1)
        entry("2e31", key, "u32", 2 ** 31)
        entry("string", key, "string", "2")
    entry("2", "add_bos_token", "u32", 2)
    entry("string", "add_eos_token", "string", "yes")
    for label, value in (("short", [0.0] * 299), ("long", [0.0] * 301), ("empty", [])):
        out.bad(f"scores-{label}", spm().set("tokenizer.ggml.scores", "array", ("f32", value)),
                "tokenizer.ggml.scores", "tokenize")
    out.bad("scores-strings", spm().set("tokenizer.ggml.scores", "array", ("string", ["0"] * 300)),
            "tokenizer.ggml.scores", "tokenize")
    out.bad("scores-nan", spm().set("tokenizer.ggml.scores", "array", ("f32", [NAN] * 300)),
            ["tokenizer.ggml.scores", "score"], "tokenize")
    for label, word in (("sign", "<0x-1>"), ("letters", "<0xZZ>"), ("wide", "<0x1FF>"), ("short", "<0x1>"),
                        ("plain", "A")):
        bent = spm()
        bent.find("tokenizer.ggml.tokens")[2][1][10] = word
        out.bad(f"byte-token-{label}", bent, ["token 10", "entry 10", "tokenizer.ggml.tokens"], "tokenize")


# ---- malformed: files around it -----------------------------------------------------------------------------------

def write_set(out, stem, files, leave_out=()):
    names = [f"{stem}-{i + 1:05d}-of-{len(files):05d}.gguf" for i in range(len(files))]
    for i, (name, file) in enumerate(zip(names, files)):
        if i not in leave_out:
            out.write(name, file)
    return names


def bad_sets(out):
    for i in (1, 2):
        names = write_set(out, f"set-without-{i + 1}", parts(), leave_out=[i])
        out.expect(names[0], 4, names[i])
    names = write_set(out, "set-second-opened", parts())
    out.expect(names[1], 3, "00001-of-00003")
    for label, index, key, kind, value, word in (
            ("no", 2, "split.no", "u16", 1, "split.no"), ("no-first", 0, "split.no", "u16", 3, "split.no"),
            ("count", 1, "split.count", "u16", 4, "split.count"),
            ("no-type", 1, "split.no", "string", "1", "split.no"),
            ("count-type", 0, "split.count", "f32", 3.0, "split.count"),
            ("count-negative", 0, "split.count", "i32", -3, "split.count"),
            ("total", 0, "split.tensors.count", "i32", 99, "split.tensors.count"),
            ("other-model", 2, "general.name", "string", "another", "general.name")):
        files = parts()
        files[index].set(key, kind, value)
        names = write_set(out, f"set-{label}", files)
        out.expect(names[0], 3, word)
    for key, kind, value in (("tokenizer.ggml.tokens", "string", ["another"] * 300),
                             ("tokenizer.ggml.token_type", "i32", [1] * 300),
                             ("tokenizer.ggml.merges", "string", ["e t"])):
        files = parts(repeat=True)
        files[1].set(key, "array", (kind, value))
        out.expect(write_set(out, f"set-other-{key}", files)[0], 3, key)
    files = parts()
    files[1].drop("split.no")
    out.expect(write_set(out, "set-no-number", files)[0], 3, "split.no")
    files = parts()
    files[2].tensors[0] = list(files[0].tensors[0])
    out.expect(write_set(out, "set-tensor-twice", files)[0], 3, files[0].tensors[0][0])
    files = parts()
    files[2] = files[2].bytes()[:-1]
    names = write_set(out, "set-cut", files)
    out.expect(names[0], 3, names[2])
    files = parts()
    files[1] = b"not a model"
    names = write_set(out, "set-text", files)
    out.expect(names[0], 3, names[1])
    out.bad("set-renamed", parts()[0], "split.count")
    first = parts()[0].set("split.count", "u16", 65535)
    out.write("set-large-00001-of-65535.gguf", first)
    out.expect("set-large-00001-of-65535.gguf", 4, "set-large-00002-of-65535.gguf")


def bad_paths(out):
    out.expect("absent.gguf", 4, "absent.gguf")
    (out.folder / "folder.gguf").mkdir(exist_ok=True)
    out.expect("folder.gguf", 4, "folder.gguf")
    for name, code, how in (("fifo.gguf", 3, os.mkfifo), ("loop.gguf", 4, lambda path: os.symlink("loop.gguf", path)),
                            ("dangling.gguf", 4, lambda path: os.symlink("nowhere.gguf", path))):
        out.make(name, how)
        out.expect(name, code, name)


# ---- odd, but right -----------------------------------------------------------------------------------------------

def odd_container(out):
    out.odd("plain", base())
    v2 = base()
    v2.version = 2
    out.odd("version-2", v2)
    for alignment in (8, 16, 64, 256, 4096, 65536):
        file = base().set("general.alignment", "u32", alignment)
        file.alignment = alignment
        out.odd(f"alignment-{alignment}", file)
    for kind in ("u8", "u16", "u64"):
        file = base().set("general.alignment", kind, 64)
        file.alignment = 64
        out.odd(f"alignment-{kind}", file)
    keys = ("llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
            "llama.attention.head_count", "llama.attention.head_count_kv", "llama.rope.dimension_count",
            "tokenizer.ggml.bos_token_id")
    for kind in ("u8", "u16", "i16", "i32", "u64", "i64"):
        file = base()
        for key in keys:
            value = file.find(key)[2]
            file.set(key, kind if value < 256 else "u64", value)
        out.odd(f"integers-{kind}", file)
    every = base()
    for kind, value in (("u8", 255), ("i8", -128), ("u16", 65535), ("i16", -32768), ("u32", 2 ** 32 - 1),
                        ("i32", -2 ** 31), ("f32", NAN), ("bool", 1), ("string", "x"), ("u64", 2 ** 64 - 1),
                        ("i64", -2 ** 63), ("f64", -INF)):
        every.set(f"unknown.{kind}", kind, value)
        every.set(f"unknown.array.{kind}", "array", (kind, [value] * 3))
        every.set(f"unknown.empty.{kind}", "array", (kind, []))
    out.odd("unknown-keys", every)
    out.odd("key-names", base().set("Gro\u00df.\u5927 key with spaces!", "u8", 1).set("k" * 65535, "u8", 1)
            .set(".", "u8", 1))
    out.odd("strings", base().set("general.name", "string", "").set("general.description", "string", b"\xff\xfe\0\x1b")
            .set("general.license", "string", "line\nline").set("a.long.string", "string", "x" * (1 << 20)))
    out.odd("many-strings", base().set("many", "array", ("string", [""] * 100000)))
    shuffled = base()
    shuffled.entries.reverse()
    out.odd("entries-reversed", shuffled)
    n = len(base().tensors)
    for name, order, gap in (("reversed", list(range(n))[::-1], 0), ("shuffled", [i * 7 % n for i in range(n)], 0),
                             ("gaps", None, 100), ("reversed-gaps", list(range(n))[::-1], 4096)):
        file = base()
        file.order, file.gap = order, gap
        out.odd(f"tensors-{name}", file)
    file = base()
    file.tensors.reverse()
    out.odd("infos-reversed", file)
    file = base()
    file.tail = b"and something after the last tensor" * 100
    out.odd("tail", file)
    out.odd("only-metadata", base().only_vocabulary().no_vocabulary(), "inspect")
    out.odd("only-vocabulary", base().only_vocabulary(), "tokenize")
    out.make("odd-link.gguf", lambda path: os.symlink("odd-plain.gguf", path))
    out.expect("odd-link.gguf", 0, command="logits", same=True)
    out.odd("name with spaces \u00e4\u5927", base())
    for label, kind in (("u16", "u16"), ("u64", "u64"), ("u8", "u8")):
        files = parts()
        for file in files:
            for key in ("split.no", "split.count", "split.tensors.count"):
                file.set(key, kind, file.find(key)[2])
        out.expect(write_set(out, f"odd-set-{label}", files)[0], 0, command="logits", same=True)
    files = parts(2)
    files[1].tensors, files[0].tensors = files[0].tensors + files[1].tensors, []
    out.expect(write_set(out, "odd-set-metadata-first", files)[0], 0, command="logits", same=True)
    out.expect(write_set(out, "odd-set-repeats", parts(repeat=True))[0], 0, command="logits", same=True)
    files = parts(2)
    files[1].alignment = 256
    files[1].set("general.alignment", "u32", 256)
    out.expect(write_set(out, "odd-set-alignments", files)[0], 0, command="logits", same=True)
    out.odd("set-of-one", parts(1)[0])


def odd_model(out):
    for form in ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        out.odd(f"weights-{form}", base(form), same=False)
    mixed = base()
    for i, form in enumerate(("F16", "Q4_0", "BF16", "Q5_1", "F32")):
        tensor = mixed.tensors[2 + i] if len(mixed.tensors[2 + i][1]) == 2 else mixed.tensors[7]
        tensor[2:] = [form, weights(Noise(), form, tensor[1])]
    out.odd("weights-mixed", mixed, same=False)
    file = base()
    file.tensors.append(["output.weight", (E, 300), "Q8_0", weights(Noise(), "Q8_0", (E, 300))])
    out.odd("untied", file, same=False)
    file = base()
    for tensor in file.tensors:
        if len(tensor[1]) == 1:
            tensor[2:] = ["F16", weights(Noise(), "F16", tensor[1])]
    out.odd("norms-f16", file, same=False)
    file = base()
    for tensor in file.tensors:
        tensor[1] = tuple(tensor[1]) + (1,) * (4 - len(tensor[1]))
    out.odd("dims-of-one", file)
    file = base()
    file.tensor("token_embd.weight")[1:] = [(E, 320), "Q8_0", weights(Noise(), "Q8_0", (E, 320))]
    out.odd("vocabulary-padded", file, same=False)
    out.odd("numbers-as-arrays", base().set("llama.feed_forward_length", "array", ("i32", [F] * LAYERS))
            .set("llama.attention.head_count", "array", ("u32", [HEADS] * LAYERS))
            .set("llama.attention.head_count_kv", "array", ("i32", [KV] * LAYERS)))
    out.odd("floats-f64", base().set("llama.attention.layer_norm_rms_epsilon", "f64", 1e-5)
            .set("llama.rope.freq_base", "f64", 10000.0))
    out.odd("float-as-integer", base().set("llama.rope.freq_base", "u32", 10000))
    out.odd("bool-as-integer", base().set("tokenizer.ggml.add_bos_token", "u8", 1), "tokenize")
    out.odd("no-token-types", base().drop("tokenizer.ggml.token_type"), "tokenize")
    out.odd("no-defaults", base().drop("llama.rope.freq_base").drop("llama.rope.dimension_count"))
    out.odd("no-vocabulary", base().no_vocabulary())
    out.odd("spm", spm(), "tokenize")
    file = base()
    file.tensors.append(["blk.0.attn_rot_embd", (4,), "F32", bytes(16)])
    out.odd("old-rope-tensor", file)
    out.odd("wrong-file-type", base().set("general.file_type", "u32", 9999))


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    out = Collection(sys.argv[1])
    for group in (bad_identity, bad_truncated, bad_counts, bad_types, bad_tensors, bad_model, bad_vocabulary, bad_sets,
                  bad_paths, odd_container, odd_model):
        group(out)
    with open(out.folder / "index.json", "w", encoding="utf-8") as file:
        json.dump(out.index, file, indent=1, ensure_ascii=False)
    bad = sum(1 for row in out.index.values() if row["exit"])
    print(f"{bad} malformed, {len(out.index) - bad} odd")
    return 0


if __name__ == "__main__":
    sys.exit(main())
