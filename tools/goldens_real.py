#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the golden logits and tokens of the real models of tools/models.

    python3 tools/goldens_real.py [NAME...]      write tests/goldens/real-NAME.json
    python3 tools/goldens_real.py --float64 ...  also say what float32 costs

Made with Python 3.11, torch 2.15, transformers 5.23, accelerate, gguf 0.19,
sentencepiece 0.2, tokenizers 0.23, numpy 2 in a virtual environment of their own;
./test needs none of them.  Needs about 6 GB of memory and a minute a model.

transformers opens the GGUF file itself, decodes every weight to float32 and
runs with eager attention.  The file is the truth: each field of the config that
enters the arithmetic is compared with the GGUF metadata, and the script stops at
the first that differs.

The golden file
  {"model": NAME, "sha256": of the GGUF, "vocab": V, "text": "text-700.txt",
   "ids": [700 ids]        the first 700 of the text, with BOS where the model wants one
   "top": 16,
   "top_ids": BASE64,      uint32 [700, 16], by falling logit, ties to the lower id
   "top_logits": BASE64,   float32 [700, 16]
   "logsumexp": BASE64,    float32 [700], the natural logarithm, summed in double
   "greedy": {"prompt": TEXT, "prompt_ids": [ids], "ids": [ids], "text": TEXT,
              "margin": least difference of the two best logits of a step}
   "tokenize": [{"text": TEXT, "ids": [ids], "special_ids": [ids]}, ...]}
all numbers little-endian.  `ids` of a text come without BOS and take names of
control tokens as text; `special_ids` take them as the tokens they name.  The texts
are in Unicode normal form C, so they do not depend on whether a tokenizer normalizes.

Tokens come from the publishers' own pipelines: byte-level BPE by `tokenizers`
with the pre-tokenizer that the file names, SentencePiece by `sentencepiece` from
a model rebuilt out of the file's pieces and scores.
"""

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import sentencepiece  # noqa: E402
import torch  # noqa: E402
from sentencepiece import sentencepiece_model_pb2 as sp_model  # noqa: E402
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402

logging.disable_progress_bar()
logging.set_verbosity_error()

ROOT = Path(__file__).resolve().parent.parent
GOLDENS = ROOT / "tests" / "goldens"
TEXT = "text-700.txt"
LENGTH, TOP, NEW = 700, 16, 48
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

PROMPTS = {
    "smollm2": "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
               "<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
    "gemma3-270m": "The capital of France is",
    "qwen2.5-coder-0.5b": "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
                          "<|im_end|>\n<|im_start|>user\nWrite a C function that adds two integers.<|im_end|>\n"
                          "<|im_start|>assistant\n",
}

SAMPLES = [
    "", " ", "  ", "a", "Hello, world!", " Hello", "Hello  world   and    more",
    "The quick brown fox jumps over the lazy dog.", "It's WE'RE they'll I'M don't O'Neil's",
    "1 12 123 1234 12345 3.14159 1,000,000 0x1F", "line\nline\r\n\r\n  line\n\n\n end \n",
    "\tint main(void)\n\t{\n\t\treturn 0;\n\t}\n", "def f(x):\n    return x ** 2  # square\n",
    "x=1;y+=2;//...!!!???", "Stra\u00dfe na\u00efve caf\u00e9 \u00c5ngstr\u00f6m",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8\u3067\u3059\u3002", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5",
    "\u0939\u093f\u0928\u094d\u0926\u0940", "\U0001f600 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7",
    "a\u00a0b\u2003c\u3000d\u200be", "\u0000\u0001\u007f\u0085", "\u0661\u0662\u0663 \u00b2\u00bd \u2167",
    "\u2581 \u2581\u2581x", "<0x41> <0xFF>", "<|im_start|>user\nhi<|im_end|>\n", "<|im_start", "<|endoftext|>",
    "<start_of_turn>user\nhi<end_of_turn>\n", "<bos>text<eos>", "<unused3><table><tr></tr></table>",
    "<tool_call>\n{\"name\": \"f\"}\n</tool_call>", "\ufeffBOM \ufffd \U0010ffff", "e" * 70, "ab" * 40, "\n" * 40, " " * 70,
]

GPT2 = (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


# ---------------------------------------------------------------- the file

class File:
    def __init__(self, path):
        self.reader = gguf.GGUFReader(str(path))
        self.arch = self.get("general.architecture")

    def get(self, key, default=None):
        field = self.reader.fields.get(key)
        return default if field is None else field.contents()

    def own(self, key, default=None):
        return self.get("%s.%s" % (self.arch, key), default)

    def shape(self, name):
        return next((list(t.shape) for t in self.reader.tensors if t.name == name), None)


def check_config(c, f):
    """Every number that enters the arithmetic, against the file."""
    heads = f.own("attention.head_count")
    hidden = f.own("embedding_length")
    head_dim = f.own("attention.key_length", hidden // heads)
    want = {
        "model_type": {"gemma3": "gemma3_text"}.get(f.arch, f.arch),
        "hidden_size": hidden, "num_hidden_layers": f.own("block_count"),
        "num_attention_heads": heads, "num_key_value_heads": f.own("attention.head_count_kv"),
        "intermediate_size": f.own("feed_forward_length"),
        "rms_norm_eps": f.own("attention.layer_norm_rms_epsilon"),
        "vocab_size": f.shape("token_embd.weight")[1],
        "tie_word_embeddings": f.shape("output.weight") is None,
    }
    found = {key: getattr(c, key) for key in want}
    want["head_dim"] = head_dim
    found["head_dim"] = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    rope = c.rope_parameters
    if f.arch == "gemma3":
        # The file names the base of the full layers; what it leaves out is fixed
        # by the architecture: 10000 on sliding layers, every sixth layer full, and
        # scores scaled by the head size (all sizes but 27B).
        want["full base"] = f.own("rope.freq_base")
        want["sliding base"] = f.own("rope.freq_base_swa", 10000.0)
        want["rope types"] = ("default", "default")
        want["sliding_window"] = f.own("attention.sliding_window")
        want["layer_types"] = ["full_attention" if i % 6 == 5 else "sliding_attention"
                               for i in range(f.own("block_count"))]
        want["query_pre_attn_scalar"] = head_dim
        want["softcaps"] = (None, None)
        want["hidden_activation"] = "gelu_pytorch_tanh"
        found["full base"] = rope["full_attention"]["rope_theta"]
        found["sliding base"] = rope["sliding_attention"]["rope_theta"]
        found["rope types"] = tuple(rope[k]["rope_type"] for k in ("full_attention", "sliding_attention"))
        found["softcaps"] = (c.attn_logit_softcapping, c.final_logit_softcapping)
        for key in ("sliding_window", "layer_types", "query_pre_attn_scalar", "hidden_activation"):
            found[key] = getattr(c, key)
    else:
        want["base"], want["rope type"] = f.own("rope.freq_base"), "default"
        found["base"], found["rope type"] = rope["rope_theta"], rope["rope_type"]
        want["hidden_act"], found["hidden_act"] = "silu", c.hidden_act
        assert f.own("rope.scaling.type") in (None, "none") and f.shape("rope_freqs.weight") is None
    if f.arch == "qwen2":
        want["use_sliding_window"], found["use_sliding_window"] = False, c.use_sliding_window
    for key, value in want.items():
        if found[key] != value:
            sys.exit("goldens_real.py: config %s: %r, want %r from the file" % (key, found[key], value))


# ----------------------------------------------------------------- tokenizers

class ByteLevel:
    """A GGUF vocabulary of model gpt2, run by `tokenizers`."""

    def __init__(self, f):
        tokens = f.get("tokenizer.ggml.tokens")
        kinds = f.get("tokenizer.ggml.token_type")
        merges = [tuple(m.split(" ", 1)) for m in f.get("tokenizer.ggml.merges")]
        vocab = {t: i for i, t in enumerate(tokens)}
        pre = f.get("tokenizer.ggml.pre")
        self.t = Tokenizer(models.BPE(vocab, merges))
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        if pre == "smollm":
            stages = [pre_tokenizers.Digits(individual_digits=True),
                      pre_tokenizers.Split(Regex(GPT2), behavior="isolated")]
        elif pre == "qwen2":
            stages = [pre_tokenizers.Split(Regex(QWEN2), behavior="isolated")]
            self.t.normalizer = normalizers.NFC()
        else:
            sys.exit("goldens_real.py: pre-tokenizer %s is not known here" % pre)
        self.t.pre_tokenizer = pre_tokenizers.Sequence(stages + [byte_level])
        self.t.decoder = decoders.ByteLevel()
        self.always = [tokens[i] for i, k in enumerate(kinds) if k == USER]
        self.special = [tokens[i] for i, k in enumerate(kinds) if k == CONTROL]
        self.vocab, self.tokens, self.bos = vocab, tokens, []

    def encode(self, text, special):
        return encode_parts(text, self.always + (self.special if special else []), self.vocab,
                            lambda part: self.t.encode(part, add_special_tokens=False).ids)

    def decode(self, ids):
        return self.t.decode(ids, skip_special_tokens=False)


class SentencePiece:
    """A GGUF vocabulary of model llama, run by `sentencepiece`."""

    def __init__(self, f):
        tokens = f.get("tokenizer.ggml.tokens")
        kinds = f.get("tokenizer.ggml.token_type")
        scores = f.get("tokenizer.ggml.scores")
        m = sp_model.ModelProto()
        for i, (token, kind, score) in enumerate(zip(tokens, kinds, scores)):
            p = m.pieces.add()
            p.piece, p.score = token.replace(" ", "\u2581") if kind == USER else token, score
            # A piece is of one of sentencepiece's types, whose numbers GGUF took over.
            p.type = UNKNOWN if i == f.get("tokenizer.ggml.unknown_token_id") else kind
        t = m.trainer_spec
        t.model_type, t.byte_fallback, t.vocab_size = t.BPE, True, len(tokens)
        t.unk_id, t.bos_id, t.eos_id, t.pad_id = (
            f.get("tokenizer.ggml.%s_token_id" % k) for k in ("unknown", "bos", "eos", "padding"))
        t.unk_piece, t.bos_piece, t.eos_piece, t.pad_piece = (
            tokens[i] for i in (t.unk_id, t.bos_id, t.eos_id, t.pad_id))
        n = m.normalizer_spec
        n.name, n.precompiled_charsmap = "identity", b""
        n.add_dummy_prefix = bool(f.get("tokenizer.ggml.add_space_prefix", True))
        n.remove_extra_whitespaces, n.escape_whitespaces = False, True
        self.t = sentencepiece.SentencePieceProcessor(model_proto=m.SerializeToString())
        self.special = [tokens[i] for i, k in enumerate(kinds) if k == CONTROL]
        self.vocab = {t: i for i, t in enumerate(tokens)}
        self.bos = [t.bos_id] if f.get("tokenizer.ggml.add_bos_token", True) else []

    def encode(self, text, special):
        return encode_parts(text, self.special if special else [], self.vocab, self.t.encode)

    def decode(self, ids):
        return self.t.decode(ids)


def encode_parts(text, named, vocab, encode):
    """Cut the text at the tokens that stand for themselves, leftmost and longest."""
    if not named:
        return list(encode(text))
    ids = []
    pattern = "|".join(re.escape(n) for n in sorted(named, key=len, reverse=True))
    for n, part in enumerate(re.split("(%s)" % pattern, text)):
        if n % 2:
            ids.append(vocab[part])
        elif part:
            ids += encode(part)
    return ids


def make_tokenizer(f):
    return {"gpt2": ByteLevel, "llama": SentencePiece}[f.get("tokenizer.ggml.model")](f)


# --------------------------------------------------------------------- model

def b64(array, kind):
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].float().numpy()


def greedy(model, ids, n, stop):
    """Greedy ids and the least margin; the cache holds float32."""
    out, margin, past = [], float("inf"), None
    step = torch.tensor([ids])
    with torch.no_grad():
        while len(out) < n:
            r = model(step, past_key_values=past, use_cache=True)
            past = r.past_key_values
            best = torch.topk(r.logits[0, -1], 2)
            margin = min(margin, float(best.values[0] - best.values[1]))
            out.append(int(best.indices[0]))
            if out[-1] in stop:
                break
            step = torch.tensor([[out[-1]]])
    return out, round(margin, 5)


def make(name, float64):
    path = Path(subprocess.run([sys.executable, str(ROOT / "tools" / "models"), name],
                               check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    sha256 = json.loads((path.parent / (path.name + ".stamp")).read_text())["sha256"]
    f = File(path)
    tokenizer = make_tokenizer(f)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
    check_config(model.config, f)

    text = (GOLDENS / TEXT).read_text(encoding="utf-8")
    ids = (tokenizer.bos + tokenizer.encode(text, False))[:LENGTH]
    assert len(ids) == LENGTH, len(ids)
    rows = logits(model, ids)
    # Ties to the lower id: a stable sort of the negated values.
    order = np.argsort(-rows, axis=1, kind="stable")[:, :TOP]
    values = np.take_along_axis(rows, order, axis=1)
    wide = rows.astype(np.float64)
    peak = wide.max(axis=1, keepdims=True)
    lse = np.log(np.exp(wide - peak).sum(axis=1)) + peak[:, 0]
    nll = float(np.mean([lse[i] - wide[i, ids[i + 1]] for i in range(LENGTH - 1)]))

    prompt_ids = tokenizer.bos + tokenizer.encode(PROMPTS[name], True)
    new, margin = greedy(model, prompt_ids, NEW, {f.get("tokenizer.ggml.eos_token_id")})
    samples = []
    for sample in SAMPLES:
        if isinstance(tokenizer, SentencePiece) and "\u2581" in sample:
            continue        # a space in disguise: sentencepiece and tokenizer.json disagree
        assert unicodedata.normalize("NFC", sample) == sample, sample
        samples.append({"text": sample, "ids": tokenizer.encode(sample, False),
                        "special_ids": tokenizer.encode(sample, True)})
    golden = {"model": name, "sha256": sha256, "vocab": rows.shape[1], "text": TEXT, "ids": ids, "top": TOP,
              "top_ids": b64(order, "<u4"), "top_logits": b64(values, "<f4"), "logsumexp": b64(lse, "<f4"),
              "greedy": {"prompt": PROMPTS[name], "prompt_ids": prompt_ids, "ids": new,
                         "text": tokenizer.decode(new), "margin": margin}}
    lines = ["%s: %s," % (json.dumps(k), json.dumps(v)) for k, v in golden.items()]
    lines.append('"tokenize": [\n%s\n]}' % ",\n".join(json.dumps(s) for s in samples))
    out = GOLDENS / ("real-%s.json" % name)
    out.write_text("{\n" + "\n".join(lines) + "\n")
    print("%s: perplexity %.2f over the text, logits to %.1f, %d bytes\n  greedy (margin %s): %r" % (
        name, np.exp(nll), np.abs(rows).max(), out.stat().st_size, margin, golden["greedy"]["text"]), flush=True)
    if float64:
        # Norms and softmax stay float32 inside transformers: an estimate.
        again = logits(model.double(), ids)
        print("  float64 moves logits by %.2e, the top 16 by %.2e" % (
            np.abs(again - rows).max(), np.abs(np.take_along_axis(again, order, axis=1) - values).max()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of %s; default all" % ", ".join(PROMPTS))
    parser.add_argument("--float64", action="store_true", help="compare with a run in double")
    args = parser.parse_args()
    torch.set_num_threads(2)
    for name in args.names or PROMPTS:
        if name not in PROMPTS:
            parser.error("no model is called '%s'" % name)
        make(name, args.float64)


if __name__ == "__main__":
    main()
