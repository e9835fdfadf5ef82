# SPDX-License-Identifier: Apache-2.0
"""GGUF files for tests: a writer that lets every field be wrong, and a tiny llama (32 wide, 2 layers, 300 tokens),
always the same bytes. Python standard library only."""

import struct

TYPES = {"u8": (0, "<B"), "i8": (1, "<b"), "u16": (2, "<H"), "i16": (3, "<h"), "u32": (4, "<I"), "i32": (5, "<i"),
         "f32": (6, "<f"), "bool": (7, "<B"), "string": (8, None), "array": (9, None), "u64": (10, "<Q"),
         "i64": (11, "<q"), "f64": (12, "<d")}
FORMATS = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22),
           "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210),
           "I8": (24, 1, 1), "I32": (26, 1, 4), "BF16": (30, 1, 2)}

E, HEADS, KV, F, LAYERS, CONTEXT = 32, 4, 2, 64, 2, 128


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def number(kind, value):
    return struct.pack(TYPES[kind][1], value)


# ---- the file -----------------------------------------------------------------------------------------------------

class File:
    """A GGUF file: `entries` [key, kind, value], where an array's kind is "array" and its value (element kind, list);
    `tensors` [name, dims, format, data].  bytes() lays it out and leaves in `marks` where each field went."""

    def __init__(self):
        self.version, self.entries, self.tensors = 3, [], []
        self.alignment = 32
        self.order = None       # of the tensors' data, by number
        self.gap = 0            # bytes between tensors, before alignment
        self.tail = b""
        self.marks = {}

    def find(self, key):
        return next(e for e in self.entries if e[0] == key)

    def set(self, key, kind, value):
        for entry in self.entries:
            if entry[0] == key:
                entry[1:] = [kind, value]
                return self
        self.entries.append([key, kind, value])
        return self

    def drop(self, key):
        self.entries = [e for e in self.entries if e[0] != key]
        return self

    def tensor(self, name):
        return next(t for t in self.tensors if t[0] == name)

    def drop_tensor(self, name):
        self.tensors = [t for t in self.tensors if t[0] != name]
        return self

    def only_vocabulary(self):
        self.tensors = []
        return self

    def no_vocabulary(self):
        self.entries = [e for e in self.entries if not str(e[0]).startswith("tokenizer.")]
        return self

    def bytes(self):
        out, marks = bytearray(b"GGUF"), {}
        out += struct.pack("<IQQ", self.version, len(self.tensors), len(self.entries))
        for i, (key, kind, value) in enumerate(self.entries):
            marks["key", i] = len(out)
            out += string(key)
            marks["type", i] = len(out)
            out += struct.pack("<I", TYPES[kind][0])
            marks["value", i] = len(out)
            if kind == "string":
                out += string(value)
            elif kind != "array":
                out += number(kind, value)
            else:
                element, items = value
                out += struct.pack("<IQ", TYPES[element][0], len(items))
                for item in items:
                    out += string(item) if element == "string" else number(element, item)
            marks["end", i] = len(out)
        offsets, end = [0] * len(self.tensors), 0
        for i in self.order or range(len(self.tensors)):
            offsets[i] = end
            end += len(self.tensors[i][3]) + self.gap
            end += -end % self.alignment
        for i, (name, dims, form, _) in enumerate(self.tensors):
            marks["name", i] = len(out)
            out += string(name)
            marks["dims", i] = len(out)
            out += struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims)
            marks["format", i] = len(out)
            out += struct.pack("<I", FORMATS[form][0])
            marks["offset", i] = len(out)
            out += struct.pack("<Q", offsets[i])
        marks["infos end"] = len(out)
        out += bytes(-len(out) % self.alignment)
        marks["data"] = len(out)
        for i in self.order or range(len(self.tensors)):
            out += bytes(marks["data"] + offsets[i] - len(out)) + self.tensors[i][3]
            marks["data", i] = marks["data"] + offsets[i]
        self.marks = marks
        return bytes(out + self.tail)

    def patched(self, mark, data, skip=0):
        """The bytes with `data` over what stands `skip` bytes after a mark."""
        out = bytearray(self.bytes())
        at = self.marks[mark] + skip
        out[at:at + len(data)] = data
        return bytes(out)


# ---- a model that is right ----------------------------------------------------------------------------------------

class Noise:
    """Small numbers, always the same."""

    def __init__(self):
        self.state = 1

    def byte(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return self.state >> 56


def weights(noise, form, dims):
    """Data of that format and shape, with small finite values."""
    count = 1
    for dim in dims:
        count *= dim
    _, block, size = FORMATS[form]
    if form == "F32":
        return b"".join(struct.pack("<f", (noise.byte() - 127) / 512) for _ in range(count))
    if form == "F16":
        return b"".join(struct.pack("<e", (noise.byte() - 127) / 512) for _ in range(count))
    if form == "BF16":
        return b"".join(struct.pack("<f", (noise.byte() - 127) / 512)[2:] for _ in range(count))
    scale = struct.pack("<e", 0.003)
    heads = {"Q4_1": scale + struct.pack("<e", -0.02), "Q5_1": scale + struct.pack("<e", -0.02)}
    if form in ("I8", "I32", "Q4_K", "Q6_K"):
        return bytes(count // block * size)
    head = heads.get(form, scale)
    return b"".join(head + bytes(noise.byte() for _ in range(size - len(head))) for _ in range(count // block))


def byte_alphabet():
    """The 256 characters that stand for bytes in byte-level BPE."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in plain]
    table = {b: chr(b) for b in plain}
    table.update({b: chr(256 + i) for i, b in enumerate(rest)})
    return [table[b] for b in range(256)]


def vocabulary():
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    pairs = [(letters[i], letters[j]) for i in range(7) for j in range(6)]
    tokens = byte_alphabet() + [a + b for a, b in pairs] + ["<|bos|>", "<|eos|>"]
    kinds = [1] * (len(tokens) - 2) + [3, 3]
    return tokens, kinds, [f"{a} {b}" for a, b in pairs]


def tensor_list(form):
    shapes = [("token_embd.weight", (E, 300))]
    for layer in range(LAYERS):
        width = E // HEADS * KV
        shapes += [(f"blk.{layer}.{name}.weight", dims) for name, dims in (
            ("attn_norm", (E,)), ("attn_q", (E, E)), ("attn_k", (E, width)), ("attn_v", (E, width)),
            ("attn_output", (E, E)), ("ffn_norm", (E,)), ("ffn_gate", (E, F)), ("ffn_up", (E, F)),
            ("ffn_down", (F, E)))]
    shapes.append(("output_norm.weight", (E,)))
    noise = Noise()
    return [[name, dims, "F32" if len(dims) == 1 else form,
             weights(noise, "F32" if len(dims) == 1 else form, dims)] for name, dims in shapes]


def base(form="Q8_0"):
    """A whole llama that loads."""
    tokens, kinds, merges = vocabulary()
    file = File()
    file.entries = [
        ["general.architecture", "string", "llama"],
        ["general.name", "string", "tiny"],
        ["llama.block_count", "u32", LAYERS],
        ["llama.context_length", "u32", CONTEXT],
        ["llama.embedding_length", "u32", E],
        ["llama.feed_forward_length", "u32", F],
        ["llama.attention.head_count", "u32", HEADS],
        ["llama.attention.head_count_kv", "u32", KV],
        ["llama.attention.layer_norm_rms_epsilon", "f32", 1e-5],
        ["llama.rope.freq_base", "f32", 10000.0],
        ["llama.rope.dimension_count", "u32", E // HEADS],
        ["tokenizer.ggml.model", "string", "gpt2"],
        ["tokenizer.ggml.pre", "string", "gpt-2"],
        ["tokenizer.ggml.tokens", "array", ("string", tokens)],
        ["tokenizer.ggml.token_type", "array", ("i32", kinds)],
        ["tokenizer.ggml.merges", "array", ("string", merges)],
        ["tokenizer.ggml.bos_token_id", "u32", 298],
        ["tokenizer.ggml.eos_token_id", "u32", 299],
        ["tokenizer.ggml.add_bos_token", "bool", 0],
    ]
    file.tensors = tensor_list(form)
    return file


def spm():
    """The same with a SentencePiece vocabulary: unknown, control, byte tokens, then letters and pairs."""
    file = base()
    letters = [chr(97 + i) for i in range(26)]
    words = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"] + letters
    words += ["th", "he", "in", "er", "an", "re", "on", "at", "en", "nd", "ti", "es", "or", "te"]
    file.set("tokenizer.ggml.model", "string", "llama")
    file.set("tokenizer.ggml.tokens", "array", ("string", words))
    file.set("tokenizer.ggml.scores", "array", ("f32", [-float(i) for i in range(300)]))
    file.set("tokenizer.ggml.token_type", "array", ("i32", [2, 3, 3] + [6] * 256 + [1] * 41))
    file.set("tokenizer.ggml.bos_token_id", "u32", 1).set("tokenizer.ggml.eos_token_id", "u32", 2)
    return file.drop("tokenizer.ggml.merges").drop("tokenizer.ggml.pre")


def parts(count=3, repeat=False):
    """A set: the metadata in the first part (or in each), tensors dealt in order."""
    whole, files = base(), []
    share = -(-len(whole.tensors) // count)
    for i in range(count):
        part = base() if repeat or i == 0 else File()
        part.tensors = whole.tensors[i * share:(i + 1) * share]
        part.set("split.no", "u16", i).set("split.count", "u16", count)
        part.set("split.tensors.count", "i32", len(whole.tensors))
        files.append(part)
    return files
