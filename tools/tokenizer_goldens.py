#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the goldens that tests/text/test_tokenizer.c replays.

    tools/tokenizer_goldens.py [--shared DIR]

Needs `pip install tokenizers sentencepiece`.  Trains small vocabularies in the forms of four families and
one of SentencePiece, writes them to tests/goldens/tokenizers/, draws the lines of tokenizer_lines.py and
writes what the libraries make of each: not the ids, which would be large, but the 32-bit FNV-1a of the ids as
little-endian int32, eight hex digits a line, once with special tokens parsed and once without.  With --shared
(a folder of NAME/tokenizer.json.xz) real vocabularies are done too; they are not copied, only their hashes.
"""

import argparse
import io
import json
import lzma
import struct
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import tokenizer_lines

OUT = Path(__file__).resolve().parent.parent / "tests" / "goldens" / "tokenizers"
N_LINES = 1200
N_TOKENS = 900
SPECIALS = ["<s>", "</s>", "<unk>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>",
            "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<think>", "[INST]", "<unused0>", "<div>", "\n\n"]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def corpus():
    """Text without texts of special tokens, lest merges lead to one: the library follows such merges, hob never does."""
    texts = tokenizer_lines.SENTENCES + tokenizer_lines.CODE + tokenizer_lines.lines(11, 3000, [])
    return [text for text in texts if not any(special in text for special in ("<s>", "</s>", "<unk>"))]


def control(*texts):
    return [AddedToken(text, special=True, normalized=False) for text in texts]


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(split_by, specials, user_defined=(), normalizer=None, ignore_merges=False, bos=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split_by, pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=N_TOKENS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens(control(*specials))
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in user_defined])
    if bos:
        frame = processors.TemplateProcessing(single=bos + " $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), frame])
    return tokenizer


def byte_fallback(normalizer, pre_tokenizer, specials, user_defined, decoder):
    head = list(specials) + ["<0x%02X>" % i for i in range(256)]
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizer
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=N_TOKENS, limit_alphabet=250, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    texts = dict.fromkeys(head + sorted(model["vocab"], key=model["vocab"].get))
    vocab = {text: i for i, text in enumerate(texts)}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens(control(*specials))
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in user_defined])
    bos = next(text for text in specials if text in ("<s>", "<bos>"))
    tokenizer.post_processor = processors.TemplateProcessing(single=bos + " $A",
                                                             special_tokens=[(bos, tokenizer.token_to_id(bos))])
    return tokenizer


def tokenizers():
    spaces = normalizers.Replace(" ", "▁")
    plain = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return {
        "llama3": byte_level([split(LLAMA3)], ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], ignore_merges=True,
                             bos="<|begin_of_text|>"),
        "smollm2": byte_level([pre_tokenizers.Digits(True), split(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
                                                                  r"|\s+(?!\S)|\s+")],
                              ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
        "qwen2": byte_level([split(QWEN2)], ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<think>", "</think>"],
                            normalizers.NFC()),
        "gemma3": byte_fallback(spaces, pre_tokenizers.Split(" ", "merged_with_previous"),
                                ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"],
                                ["<unused0>", "<div>", "\n\n", "\n\n\n", "▁▁", "▁▁▁"], decoders.Sequence(plain)),
        "llama2": byte_fallback(normalizers.Sequence([normalizers.Prepend("▁"), spaces]), None, ["<unk>", "<s>", "</s>"], [],
                                decoders.Sequence([*plain, decoders.Strip(" ", 1, 0)])),
    }


def hash_ids(ids):
    value = 0x811C9DC5
    for byte in struct.pack("<%di" % len(ids), *ids):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return "%08x" % value


def hash_lines(tokenizer, lines):
    out = {}
    for name, plain in (("special", False), ("plain", True)):
        tokenizer.encode_special_tokens = plain
        out[name] = "".join(hash_ids(tokenizer.encode(line, add_special_tokens=False).ids) for line in lines)
    return out


def sentencepiece_model(lines):
    """A vocabulary as a GGUF file tells it, and what SentencePiece makes of the lines."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter((tokenizer_lines.SENTENCES + tokenizer_lines.CODE) * 4), model_writer=model, model_type="bpe", vocab_size=1500,
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True,
        character_coverage=0.98, user_defined_symbols=["<think>", "[INST]"], minloglevel=2)
    spm = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    n = spm.get_piece_size()
    kinds = [2 if spm.is_unknown(i) else 3 if spm.is_control(i) else 6 if spm.is_byte(i) else 5 if spm.is_unused(i)
             else 4 if spm.id_to_piece(i) in ("<think>", "[INST]") else 1 for i in range(n)]
    vocabulary = {"tokens": [spm.id_to_piece(i) for i in range(n)], "scores": [spm.get_score(i) for i in range(n)],
                  "types": kinds}
    # SentencePiece joins user-defined symbols to the text around them, and adds its prefix only once.
    plain = [i for i, line in enumerate(lines) if not any(text in line for text in ("<think>", "[INST]", "▁"))]
    hashes = "".join(hash_ids(spm.encode(line)) if i in set(plain) else "-" * 8 for i, line in enumerate(lines))
    return vocabulary, {"plain": hashes}


def save(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, help="a folder of real vocabularies")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    lines = tokenizer_lines.lines(5, N_LINES, SPECIALS)
    save("lines.json", lines)
    hashes = {}
    for name, tokenizer in tokenizers().items():
        (OUT / (name + ".json")).write_text(tokenizer.to_str(pretty=False) + "\n")
        hashes[name] = hash_lines(tokenizer, lines)
    vocabulary, hashes["spm"] = sentencepiece_model(lines)
    save("spm.json", vocabulary)
    save("hashes.json", hashes)
    if args.shared:
        shared = {}
        for path in sorted(args.shared.glob("*/tokenizer.json.xz")):
            shared[path.parent.name] = hash_lines(Tokenizer.from_str(lzma.open(path, "rt").read()), lines)
        save("hashes-shared.json", shared)


if __name__ == "__main__":
    main()
