#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the tiny random checkpoints of tests/models/ and their golden logits.

    python3 tools/goldens_tiny.py              write everything, then verify it
    python3 tools/goldens_tiny.py NAME...      only these, as "llama-bias"
    python3 tools/goldens_tiny.py --verify     verify what is committed

Made with Python 3.11, torch 2.15, transformers 5.23, gguf 0.19, tokenizers 0.23,
numpy 2 in a virtual environment of their own; ./test needs none of them.

What it writes
  tests/models/tiny-NAME/       config.json, generation_config.json,
                                model.safetensors; some with a tokenizer
  tests/models/tiny-NAME.gguf   the same weights as GGUF, for one checkpoint of
                                each family: the goldens of the folder hold for it
  tests/goldens/tiny-NAME.json  logits by transformers, float32, eager attention
  tests/goldens/tiny-tokens.json  {"tiny-NAME": [{"text", "ids"}, ...]} by `tokenizers`,
                                names of special tokens taken as those tokens

The golden file
  {"model": "tiny-NAME", "gguf": true or false, "vocab": V, "mutations": {NAME: moved, ...},
   "runs": [{"ids": [T ids], "rows": [R positions], "logits": BASE64}, ...]}
logits is R * V little-endian float32: row r is the V logits after position
rows[r] of ids.  Runs have 1, 7, 64 and 300 ids.  `mutations` holds, for each
mutation of tests/mutate.py that applies, how far (largest absolute difference
over the golden rows) it moves the logits; all are at least 0.02.

How the weights are drawn, so that nothing hides: norm weights N(1, 0.3)
(gemma3 applies 1 + w, so w is N(0, 0.3)), biases N(0, 0.5), q and k wide enough
that attention scores have a deviation of at least 1, a large epsilon, heads of
another size than embedding / heads, tied and untied output heads, sizes that no
block divides, llama3 rope scaling from a short original length, windows far
shorter than the longest run, and number formats F32, F16 and BF16.  F16 and BF16
weights are read by the reference as the same numbers in float32.
"""

import argparse
import base64
import json
import math
import shutil
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()
logging.set_verbosity_error()

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "tests" / "models"
GOLDENS = ROOT / "tests" / "goldens"
sys.path.insert(0, str(ROOT / "tests"))
import mutate  # noqa: E402

LENGTHS = (1, 7, 64, 300)
ROWS = (0, 1, 2, 5, 6, 15, 16, 31, 32, 33, 47, 48, 63, 64, 95, 127, 128, 200, 255, 256, 299)
MOVED = 0.02            # what a mutation must move, 100 times the tolerance
CONDITION = 5e-5        # what float32 itself may cost, a quarter of the tolerance
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}

# Specials come last, so that 256 bytes and the merges keep their ids.
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TOKENS = 320            # bytes + merges + specials; a larger vocab_size is padding
CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
          "message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
                r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")

COMMON = {"bos_token_id": 317, "eos_token_id": 319, "pad_token_id": 317,
          "max_position_embeddings": 512, "rms_norm_eps": 0.02,
          "attention_dropout": 0.0, "use_cache": True}


def llama(**more):
    return dict(COMMON, model_type="llama", architectures=["LlamaForCausalLM"],
                hidden_act="silu", attention_bias=False, mlp_bias=False, **more)


def qwen(version, **more):
    # A window that is named but not in use, as in the published configs.
    window = {"use_sliding_window": False, "sliding_window": 32, "max_window_layers": 1}
    return dict(COMMON, model_type="qwen%d" % version,
                architectures=["Qwen%dForCausalLM" % version], hidden_act="silu", **window, **more)


def gemma(**more):
    return dict(COMMON, model_type="gemma3_text", architectures=["Gemma3ForCausalLM"],
                hidden_activation="gelu_pytorch_tanh", attention_bias=False,
                attn_logit_softcapping=None, final_logit_softcapping=None, **more)


def olmo2(**more):
    return dict(COMMON, model_type="olmo2", architectures=["Olmo2ForCausalLM"], hidden_act="silu", **more)


def sizes(vocab, hidden, layers, heads, kv, ffn, head_dim=None):
    s = {"vocab_size": vocab, "hidden_size": hidden, "num_hidden_layers": layers,
         "num_attention_heads": heads, "num_key_value_heads": kv, "intermediate_size": ffn}
    if head_dim:
        s["head_dim"] = head_dim
    return s


# A config is either "classic", committed as it stands here (the keys of the
# published checkpoints of 2023-2025), or "saved", as transformers 5 writes it.
VARIANTS = {
    "llama-rope3": dict(seed=11, dtype="F32", style="classic", gguf=True, split=LLAMA3_SPLIT, config=llama(
        **sizes(320, 64, 3, 4, 2, 100, head_dim=24), tie_word_embeddings=False, rope_theta=10000.0,
        rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                      "high_freq_factor": 4.0, "original_max_position_embeddings": 64})),
    "llama-bias": dict(seed=12, dtype="F16", style="saved", gguf=False, config=dict(llama(
        **sizes(331, 48, 4, 3, 1, 106, head_dim=20), tie_word_embeddings=True, rope_theta=10000.0),
        attention_bias=True, mlp_bias=True)),
    "qwen2-wide": dict(seed=21, dtype="F32", style="saved", gguf=False, config=qwen(
        2, **sizes(320, 48, 3, 4, 2, 96, head_dim=32), tie_word_embeddings=True, rope_theta=10000.0)),
    "qwen2-odd": dict(seed=22, dtype="F16", style="classic", gguf=True, split=QWEN2_SPLIT, config=qwen(
        2, **sizes(333, 60, 4, 6, 3, 90), tie_word_embeddings=False, rope_theta=20000.0)),
    # No layer_types: layers from max_window_layers on slide.
    "qwen2-window": dict(seed=23, dtype="F16", style="classic", gguf=False, config=dict(qwen(
        2, **sizes(321, 40, 3, 4, 2, 72, head_dim=24), tie_word_embeddings=True, rope_theta=10000.0,
        rope_scaling={"type": "linear", "factor": 2.0}), use_sliding_window=True)),
    "qwen3-base": dict(seed=31, dtype="F32", style="classic", gguf=False, config=qwen(
        3, **sizes(320, 48, 3, 4, 2, 96, head_dim=32), tie_word_embeddings=False, rope_theta=10000.0,
        attention_bias=False, rope_scaling=None)),
    "qwen3-odd": dict(seed=42, dtype="BF16", style="saved", gguf=True, split=QWEN2_SPLIT, config=qwen(
        3, **sizes(335, 56, 4, 4, 1, 94, head_dim=18), tie_word_embeddings=True, rope_theta=20000.0,
        attention_bias=False)),
    "gemma3-base": dict(seed=991, dtype="F32", style="classic", gguf=True, split=LLAMA3_SPLIT, config=gemma(
        **sizes(320, 48, 7, 3, 1, 72, head_dim=32), tie_word_embeddings=True, query_pre_attn_scalar=32,
        sliding_window=32, sliding_window_pattern=6, rope_theta=1000000.0,
        rope_local_base_freq=10000.0, rope_scaling=None)),
    "gemma3-linear": dict(seed=52, dtype="BF16", style="saved", gguf=False, config=gemma(
        **sizes(323, 56, 5, 4, 2, 70, head_dim=24), tie_word_embeddings=False, query_pre_attn_scalar=17,
        sliding_window=40, layer_types=["sliding_attention", "full_attention", "sliding_attention",
                                        "sliding_attention", "full_attention"],
        rope_theta=100000.0, rope_local_base_freq=10000.0,
        rope_scaling={"rope_type": "linear", "factor": 4.0})),
    "olmo2-base": dict(seed=100, dtype="F32", style="classic", gguf=True, split=LLAMA3_SPLIT, config=olmo2(
        **sizes(320, 48, 3, 4, 2, 96, head_dim=24), tie_word_embeddings=True, rope_theta=20000.0,
        attention_bias=False, rope_scaling=None)),
    "olmo2-bias": dict(seed=68, dtype="BF16", style="saved", gguf=False, config=olmo2(
        **sizes(327, 60, 4, 6, 2, 88), tie_word_embeddings=False, rope_theta=10000.0, attention_bias=True)),
}


# ------------------------------------------------------------------ weights

def draw(model, config, seed):
    """Fill every parameter; the order of names fixes the numbers."""
    rng = np.random.Generator(np.random.PCG64(seed))
    is_gemma = config.model_type == "gemma3_text"
    hidden = config.hidden_size
    # Scores of q and k with deviation s each have deviation s^2: 1.3 gives 1.7.
    # Where q and k are normed, their size only has to dwarf the epsilon, and
    # seeds were picked that reach 1 on every layer.
    normed = config.model_type in ("qwen3", "gemma3_text", "olmo2")
    gain = {"q_proj": 3.0 if normed else 1.3, "k_proj": 3.0 if normed else 1.3, "v_proj": 1.0, "o_proj": 1.0,
            "gate_proj": 1.0, "up_proj": 1.0, "down_proj": 1.0}
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            shape = tuple(p.shape)
            z = rng.standard_normal(shape)
            kind = name.split(".")[-2]
            if name.endswith(".bias"):
                w = 0.5 * z
            elif "norm" in kind:
                w = (0.0 if is_gemma else 1.0) + 0.3 * z
            elif kind == "embed_tokens":
                w = z * (0.3 if config.tie_word_embeddings or is_gemma else 1.0)
            elif kind == "lm_head":
                w = z * 2.0 / math.sqrt(hidden)
            else:
                w = z * gain[kind] / math.sqrt(shape[1])
            p.copy_(torch.from_numpy(w.astype(np.float32)))


def write_folder(name, spec):
    folder = MODELS / ("tiny-" + name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    dtype = DTYPES[spec["dtype"]]
    text = dict(spec["config"], torch_dtype=str(dtype).split(".")[1])
    (folder / "config.json").write_text(json.dumps(text, indent=2) + "\n")
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    draw(model, config, spec["seed"])
    model.to(dtype)
    model.config.dtype = dtype
    model.generation_config.bos_token_id = 317
    model.generation_config.eos_token_id = [319, 317]
    model.generation_config.pad_token_id = 317
    model.generation_config.do_sample = True
    model.generation_config.temperature = 0.7
    model.generation_config.top_k = 20
    with tempfile.TemporaryDirectory() as temp:
        model.save_pretrained(temp)
        for entry in ("model.safetensors", "generation_config.json") + (
                ("config.json",) if spec["style"] == "saved" else ()):
            shutil.copyfile(Path(temp) / entry, folder / entry)
    return folder


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


# ------------------------------------------------------------------- goldens

def golden_ids(vocab, seed):
    rng = np.random.Generator(np.random.PCG64(seed + 1000))
    return [rng.integers(0, vocab, length).tolist() for length in LENGTHS]


def rows_of(length):
    return [r for r in ROWS if r < length]


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].numpy()


def make_golden(name, spec, folder):
    model = load(folder)
    vocab = model.config.vocab_size
    runs = []
    for ids in golden_ids(vocab, spec["seed"]):
        rows = rows_of(len(ids))
        values = logits(model, ids)[rows].astype("<f4")
        runs.append({"ids": ids, "rows": rows, "logits": base64.b64encode(values.tobytes()).decode()})
    return {"model": "tiny-" + name, "gguf": spec["gguf"], "vocab": vocab, "mutations": {}, "runs": runs}


def write_golden(path, golden):
    """One key a line: short enough to read, and to diff."""
    lines = ["{"]
    for key in ("model", "gguf", "vocab", "mutations"):
        lines.append("%s: %s," % (json.dumps(key), json.dumps(golden[key])))
    lines.append('"runs": [')
    lines.append(",\n".join(json.dumps(run) for run in golden["runs"]))
    lines.append("]}")
    path.write_text("\n".join(lines) + "\n")


def golden_rows(golden):
    for run in golden["runs"]:
        values = np.frombuffer(base64.b64decode(run["logits"]), "<f4")
        yield run["ids"], run["rows"], values.reshape(len(run["rows"]), golden["vocab"])


def farthest(model, golden):
    """The largest difference over all golden rows."""
    return max(float(np.abs(logits(model, ids)[rows] - want).max())
               for ids, rows, want in golden_rows(golden))


def score_deviations(model, ids):
    """Deviation of the attention scores, a layer: softmax hides only a shift a row."""
    with torch.no_grad():
        attentions = model(torch.tensor([ids]), output_attentions=True, use_cache=False).attentions
    found = []
    for a in attentions:
        total, n = 0.0, 0
        for row in range(16, a.shape[2]):
            p = a[0, :, row, :row + 1].double()
            seen = p > 0
            for head in range(p.shape[0]):
                logs = p[head][seen[head]].log()
                total += float(logs.var(unbiased=False))
                n += 1
        found.append(math.sqrt(total / n))
    return found


# ----------------------------------------------------------------- tokenizer

TRAINING = (
    "The hob keeps the house at night: it sweeps the floor, banks the fire and asks for nothing. "
    "In the morning the children find the bread on the table and the milk in the jug. "
    "int main(void) { for (int i = 0; i < 10; i++) { printf(\"%d\\n\", i); } return 0; } "
    "One, two, three; 10, 20, 300 and 4000. It's what they're here for, isn't it? "
    "Straße, naïve, café, déjà vu. The theory of the thing is that the other one is there. ")


def make_tokenizer(split):
    # What pre-tokenizer llama-bpe means in GGUF: a whole piece in the vocabulary is one token.
    t = Tokenizer(models.BPE(ignore_merges=split == LLAMA3_SPLIT))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    # Trained without the specials, which come last.
    t.train_from_iterator([TRAINING], trainers.BpeTrainer(
        vocab_size=TOKENS - len(SPECIALS), show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    t.add_special_tokens(SPECIALS)
    assert t.get_vocab_size() == TOKENS, t.get_vocab_size()
    return t


def write_tokenizer(folder, split):
    t = make_tokenizer(split)
    t.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": False, "add_eos_token": False, "bos_token": SPECIALS[0],
        "eos_token": SPECIALS[2], "pad_token": SPECIALS[0], "clean_up_tokenization_spaces": False,
        "model_max_length": 512, "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": CHATML}, indent=2) + "\n")
    return t


TEXTS = [
    "", " ", "a", "Hello, world!", "The hob keeps the house at night.", "  two  spaces   three ",
    "It's WE'RE they'll I'M", "1 12 123 1234 12345", "line\nline\r\n\r\n  line\n", "\ttab\t\tx",
    "Stra\u00dfe na\u00efve caf\u00e9", "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8",
    "\U0001f600 \U0001f469\u200d\U0001f467 e\u0301", "x=1;y+=2;//...", "a\u00a0b\u2003c\u3000d",
    "<|im_start|>user\nhi<|im_end|>\n", "<|im_start", "\u0000\u0001\u007f", "\u0661\u0662\u0663 \u00b2\u00bd \u2167",
]


# ---------------------------------------------------------------------- GGUF

NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
         "post_attention_layernorm": "ffn_norm"}
# Where the block has norms behind its halves, the name of Llama's second norm is one of those.
POST_NORM_NAMES = dict(NAMES, post_attention_layernorm="post_attention_norm",
                       pre_feedforward_layernorm="ffn_norm", post_feedforward_layernorm="post_ffw_norm")
POST_NORM = ("gemma3", "olmo2")
TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def gguf_name(name, arch):
    base, end = name.rsplit(".", 1)
    if base in TOP:
        return TOP[base] + "." + end
    _, _, layer, rest = base.split(".", 3)
    return "blk.%s.%s.%s" % (layer, (POST_NORM_NAMES if arch in POST_NORM else NAMES)[rest], end)


def interleave(w, heads):
    """The row order of arch llama: half-and-half pairs of a head become neighbours."""
    d = w.shape[0] // heads
    return w.reshape(heads, 2, d // 2, -1).swapaxes(1, 2).reshape(w.shape)


def llama3_divisors(c, d):
    s = c["rope_scaling"]
    low, high, factor = s["low_freq_factor"], s["high_freq_factor"], s["factor"]
    original = s["original_max_position_embeddings"]
    out = []
    for i in range(d // 2):
        wavelength = 2 * math.pi * c["rope_theta"] ** (2 * i / d)
        t = (original / wavelength - low) / (high - low)
        if wavelength < original / high:
            out.append(1.0)
        elif wavelength > original / low:
            out.append(factor)
        else:
            out.append(1 / ((1 - t) / factor + t))
    return np.array(out, np.float32)


def write_gguf(name, spec, folder, tokenizer):
    model = load(folder)
    c = spec["config"]
    arch = c["model_type"].replace("_text", "")
    is_gemma = arch == "gemma3"
    d = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    w = gguf.GGUFWriter(str(MODELS / ("tiny-%s.gguf" % name)), arch)
    w.add_name("tiny-" + name)
    w.add_license("apache-2.0")
    w.add_file_type({"F32": 0, "F16": 1, "BF16": 32}[spec["dtype"]])
    w.add_block_count(c["num_hidden_layers"])
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(c["num_attention_heads"])
    w.add_head_count_kv(c["num_key_value_heads"])
    w.add_key_length(d)
    w.add_value_length(d)
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    w.add_rope_freq_base(c["rope_theta"])
    w.add_vocab_size(c["vocab_size"])
    if arch == "llama":
        w.add_rope_dimension_count(d)
    if is_gemma:
        w.add_sliding_window(c["sliding_window"])

    vocab = sorted(tokenizer.get_vocab().items(), key=lambda kv: kv[1])
    tokens = [t for t, _ in vocab] + ["[PAD%d]" % i for i in range(TOKENS, c["vocab_size"])]
    kinds = ([gguf.TokenType.NORMAL] * (TOKENS - len(SPECIALS)) + [gguf.TokenType.CONTROL] * len(SPECIALS)
             + [gguf.TokenType.UNUSED] * (c["vocab_size"] - TOKENS))
    merges = [" ".join(m) if isinstance(m, list) else m
              for m in json.loads(tokenizer.to_str())["model"]["merges"]]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2" if arch.startswith("qwen") else "llama-bpe")
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    w.add_token_merges(merges)
    w.add_bos_token_id(c["bos_token_id"])
    w.add_eos_token_id(c["eos_token_id"])
    w.add_pad_token_id(c["pad_token_id"])
    w.add_add_bos_token(False)
    w.add_chat_template(CHATML)

    kind = {"F32": gguf.GGMLQuantizationType.F32, "F16": gguf.GGMLQuantizationType.F16,
            "BF16": gguf.GGMLQuantizationType.BF16}[spec["dtype"]]
    if arch == "llama":
        w.add_tensor("rope_freqs.weight", llama3_divisors(c, d))
    for key, p in model.named_parameters():
        v = p.detach().numpy()
        if arch == "llama" and ".q_proj." in key:
            v = interleave(v, c["num_attention_heads"])
        if arch == "llama" and ".k_proj." in key:
            v = interleave(v, c["num_key_value_heads"])
        if is_gemma and "norm" in key:
            v = v + np.float32(1)
        v = np.ascontiguousarray(v)
        # Vectors stay F32, as every converter leaves them.
        if v.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
            w.add_tensor(gguf_name(key, arch), v)
        else:
            w.add_tensor(gguf_name(key, arch), gguf.quants.quantize(v, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def raw_gguf_differs(name, spec, folder):
    """The same as gguf_differs(), by the gguf package, for what transformers does not open."""
    stored = {t.name: t for t in gguf.GGUFReader(str(MODELS / ("tiny-%s.gguf" % name))).tensors}
    for key, value in load(folder).named_parameters():
        t = stored.pop(gguf_name(key, spec["config"]["model_type"]), None)
        if t is None or not np.array_equal(gguf.quants.dequantize(t.data, t.tensor_type).reshape(value.shape),
                                           value.detach().numpy()):
            return key
    return " ".join(stored)


def gguf_differs(name, spec, folder):
    """Read the GGUF with transformers: '' if it has the folder's weights, else what differs."""
    if spec["config"]["model_type"] in ("olmo2",):
        return raw_gguf_differs(name, spec, folder)
    file = "tiny-%s.gguf" % name
    # With the folder's config: transformers does not read qwen3's key_length.
    model = AutoModelForCausalLM.from_pretrained(
        MODELS, gguf_file=file, config=AutoConfig.from_pretrained(folder), dtype=torch.float32)
    ours, theirs = load(folder).state_dict(), model.state_dict()
    if ours.keys() != theirs.keys():
        return "names %s" % sorted(ours.keys() ^ theirs.keys())
    for key, value in ours.items():
        # It takes the 1 off Gemma's norms again, which costs a rounding.
        slack = 2e-7 if "norm" in key and "gemma" in name else 0
        if value.shape != theirs[key].shape or float((value - theirs[key]).abs().max()) > slack:
            return key
    if "rope_scaling" in spec["config"] and spec["config"]["model_type"] == "llama":
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
        config = load(folder).config
        scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        d = config.head_dim
        plain = config.rope_parameters["rope_theta"] ** (-torch.arange(0, d, 2).float() / d)
        stored = [t for t in gguf.GGUFReader(str(MODELS / file)).tensors if t.name == "rope_freqs.weight"]
        if not np.allclose(plain / scaled, stored[0].data, rtol=1e-5):
            return "rope_freqs.weight"
    return ""


# ---------------------------------------------------------------------- main

def make(names):
    MODELS.mkdir(parents=True, exist_ok=True)
    GOLDENS.mkdir(parents=True, exist_ok=True)
    tokens = GOLDENS / "tiny-tokens.json"
    token_goldens = json.loads(tokens.read_text()) if tokens.exists() else {}
    for name in names:
        spec = VARIANTS[name]
        folder = write_folder(name, spec)
        if "split" in spec:
            t = write_tokenizer(folder, spec["split"])
            token_goldens["tiny-" + name] = [
                {"text": text, "ids": t.encode(text, add_special_tokens=False).ids} for text in TEXTS]
            write_gguf(name, spec, folder, t)
        write_golden(GOLDENS / ("tiny-%s.json" % name), make_golden(name, spec, folder))
        print("%s: written" % name, flush=True)
    in_order = {"tiny-" + n: token_goldens["tiny-" + n] for n in VARIANTS if "tiny-" + n in token_goldens}
    tokens.write_text(json.dumps(in_order, indent=1) + "\n")


def verify(names, write):
    """The files agree, nothing hides, and float32 is good enough."""
    bad = 0
    for name in names:
        spec = VARIANTS[name]
        folder = MODELS / ("tiny-" + name)
        path = GOLDENS / ("tiny-%s.json" % name)
        golden = json.loads(path.read_text())
        model = load(folder)
        ids = golden["runs"][-1]["ids"]
        deviations = score_deviations(model, ids)
        again = farthest(model, golden)
        condition = farthest(model.double(), golden)
        spread = float(np.std(list(golden_rows(golden))[-1][2]))
        moved = {}
        for mutation in mutate.names(str(folder)):
            with tempfile.TemporaryDirectory() as temp:
                mutate.apply(str(folder), mutation, temp)
                moved[mutation] = round(farthest(load(temp), golden), 4)
        weak = {k: v for k, v in moved.items() if not v >= MOVED}
        least = min(moved, key=moved.get)
        ok = not weak and min(deviations) >= 1 and condition <= CONDITION and again <= CONDITION
        bad += not ok
        print("%-14s %s  scores %s  logits %.2f  again %.1e  float64 %.1e  %d mutations, least %s %.3f%s" % (
            name, "ok " if ok else "BAD", " ".join("%.2f" % s for s in deviations), spread, again, condition,
            len(moved), least, moved[least], "  WEAK %s" % weak if weak else ""), flush=True)
        if spec["gguf"]:
            differs = gguf_differs(name, spec, folder)
            bad += bool(differs)
            print("%-14s %s" % (name + ".gguf", "BAD " + differs if differs else "ok  the folder's weights"))
        golden["mutations"] = moved
        if write:
            write_golden(path, golden)
    for path in sorted(MODELS.rglob("*")):
        if path.is_file() and path.stat().st_size >= 1 << 20:
            print("BAD %s: %d bytes" % (path, path.stat().st_size))
            bad += 1
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help="a checkpoint, without its \"tiny-\"; default all")
    parser.add_argument("--verify", action="store_true", help="write nothing, verify what is there")
    args = parser.parse_args()
    unknown = set(args.names) - set(VARIANTS)
    if unknown:
        parser.error("no such checkpoint: %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(VARIANTS)))
    names = args.names or list(VARIANTS)
    torch.set_num_threads(2)
    if not args.verify:
        make(names)
    return verify(names, write=not args.verify)


if __name__ == "__main__":
    sys.exit(main())
