#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the goldens that tests/text/test_tokenizer.c replays.

    tools/tokenizer_goldens.py [--shared DIR]

Needs `pip install tokenizers sentencepiece tiktoken`.  Trains small vocabularies in the forms of many families and
file formats, writes them to tests/goldens/tokenizers/, draws the lines of tokenizer_lines.py and
writes what the libraries make of each: not the ids, which would be large, but the 32-bit FNV-1a of the ids as
little-endian int32, eight hex digits a line, once with special tokens parsed and once without.  With --shared
(a folder of NAME/tokenizer.json.xz) real vocabularies are done too; they are not copied, only their hashes.
"""

import argparse
import base64
import io
import json
import lzma
import struct
import tempfile
from pathlib import Path

import sentencepiece
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import tokenizer_lines

OUT = Path(__file__).resolve().parent.parent / "tests" / "goldens" / "tokenizers"
N_LINES = 2000
N_TOKENS = 900
SPECIALS = ["<s>", "</s>", "<unk>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>",
            "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<think>", "[INST]", "<unused0>", "<div>", "\n\n"]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LETTERS = r"\p{Lm}\p{Lo}\p{M}]"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{LETTERS}*[\p{{Ll}}{LETTERS}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         rf"|[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{LETTERS}+[\p{{Ll}}{LETTERS}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# What this maps, to what: all of SentencePiece's own map would be 240 kB.
MAP = {"\uff21": "A", "\uff42": "b", "\u3000": " ", "\xa0": " ", "\t": " ", "\n": " ", "\u00bd": "1\u20442", "\ufb01": "fi",
       "e\u0301": "\xe9", "\u200b": "", "\u2026": "...", "\uff5e": "~", "\x0b": "", "\xad": "", "\u2160": "I"}
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


def wordpiece(lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=N_TOKENS, limit_alphabet=400,
                                                                      special_tokens=specials, show_progress=False))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def unigram(model):
    """The form of T5 and XLM-R, of the pieces of a tokenizer.model."""
    spm = sentencepiece.SentencePieceProcessor(model_proto=model)
    vocab = [(spm.id_to_piece(i), spm.get_score(i)) for i in range(spm.get_piece_size())]
    tokenizer = Tokenizer(models.Unigram(vocab, spm.unk_id(), False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap(model)),
                                                 normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(control("<unk>", "<s>", "</s>"))
    return tokenizer


def charsmap(model):
    """Field 3 (the normalizer) of the protocol buffer, of it field 2, both of which have a length."""
    for number in (3, 2):
        at = 0
        while at < len(model):
            key, at = varint(model, at)
            value, end = varint(model, at) if key & 7 in (0, 2) else (0, at + (4 if key & 7 == 5 else 8))
            start, at = end, end + value if key & 7 == 2 else end
            if key == number << 3 | 2:
                found = model[start:at]
        model = found
    return model


def varint(data, at):
    value, shift = 0, 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def train_sentencepiece(**options):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        for source, target in sorted(MAP.items()):
            codes = [" ".join("%X" % ord(c) for c in text) for text in (source, target)]
            rules.write("\t".join(codes) + "\n")
        rules.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter((tokenizer_lines.SENTENCES + tokenizer_lines.CODE) * 4), model_writer=model,
            vocab_size=1000, character_coverage=0.98, normalization_rule_tsv=rules.name, minloglevel=2,
            hard_vocab_limit=False,
            user_defined_symbols=["<think>", "[INST]"], **options)
    return model.getvalue()


def ranks(tokenizer):
    """The texts of a byte-level vocabulary, in the order of their ranks."""
    model = json.loads(tokenizer.to_str())["model"]
    alphabet = {bytes_to_unicode(i): i for i in range(256)}
    first = sorted(range(256))
    texts = [bytes([i]) for i in first]
    texts += [bytes(alphabet[c] for c in left + right) for left, right in model["merges"]]
    return list(dict.fromkeys(texts))


def bytes_to_unicode(byte):
    shifted = [i for i in range(256) if i <= 0x20 or 0x7F <= i <= 0xA0 or i == 0xAD]
    return chr(0x100 + shifted.index(byte)) if byte in shifted else chr(byte)


class Tiktoken:
    """tiktoken with the little of the other library's interface that is used here."""

    def __init__(self, name, pattern, texts, specials, shift=0):
        self.encoding = tiktoken.Encoding(name, pat_str=pattern, special_tokens=specials,
                                          mergeable_ranks={text: i for i, text in enumerate(texts)})
        self.shift = shift
        self.encode_special_tokens = False

    def encode(self, text, add_special_tokens):
        allowed = set() if self.encode_special_tokens else self.encoding.special_tokens_set
        self.ids = [i + self.shift for i in self.encoding.encode(text, allowed_special=allowed, disallowed_special=())]
        return self


def files():
    """Vocabularies in other formats: for each the file's name, its bytes, and what encodes as it should."""
    bytes_of = ranks(tokenizers()["llama3"])
    lines = "".join("%s %d\n" % (base64.b64encode(text).decode(), i) for i, text in enumerate(bytes_of))
    n_specials = 16
    vocab = [{"rank": i, "token_bytes": base64.b64encode(text).decode(), "token_str": None} for i, text in enumerate(bytes_of)]
    tekken = {"config": {"pattern": O200K, "num_vocab_tokens": len(vocab), "default_vocab_size": len(vocab) + n_specials,
                         "default_num_special_tokens": n_specials, "version": "v3"}, "vocab": vocab}
    n = len(bytes_of)
    cl100k = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
              r"|\s+(?!\S)|\s")
    unigram_model = train_sentencepiece(model_type="unigram", remove_extra_whitespaces=True)
    bpe_model = train_sentencepiece(model_type="bpe", byte_fallback=True, remove_extra_whitespaces=False)
    return {
        "tekken.json": (json.dumps(tekken, separators=(",", ":")).encode(), Tiktoken("tekken", O200K, bytes_of, {}, n_specials)),
        "cl100k-small.tiktoken": (lines.encode(), Tiktoken("cl100k", cl100k, bytes_of, {
            "<|endoftext|>": n + 1, "<|fim_prefix|>": n + 2, "<|fim_middle|>": n + 3, "<|fim_suffix|>": n + 4,
            "<|endofprompt|>": n + 20})),
        "unigram.model": (unigram_model, SentencePiece(unigram_model)),
        "bpe.model": (bpe_model, SentencePiece(bpe_model)),
    }


class SentencePiece:
    """SentencePiece knows no control tokens in a text."""

    def __init__(self, model):
        self.model = sentencepiece.SentencePieceProcessor(model_proto=model)

    def encode(self, text, add_special_tokens):
        self.ids = self.model.encode(text)
        return self


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
        "bert": wordpiece(True),
        "bert-cased": wordpiece(False),
        "xlmr": unigram(train_sentencepiece(model_type="unigram")),
    }


def hash_ids(ids):
    value = 0x811C9DC5
    for byte in struct.pack("<%di" % len(ids), *ids):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return "%08x" % value


def hash_lines(tokenizer, lines, spelled=()):
    """`spelled`: control tokens that the library lets plain text spell, and hob does not; such lines are left out."""
    out = {}
    for name, plain in (("special", False), ("plain", True)):
        tokenizer.encode_special_tokens = plain
        out[name] = "".join("-" * 8 if plain and any(text in line for text in spelled)
                            else hash_ids(tokenizer.encode(line, add_special_tokens=False).ids) for line in lines)
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
        hashes[name] = hash_lines(tokenizer, lines, ("<s>", "</s>", "<unk>") if name == "xlmr" else ())
    for name, (data, reference) in files().items():
        (OUT / name).write_bytes(data)
        hashes[name] = hash_lines(reference, lines)
        if name.endswith((".model", "tekken.json")):
            del hashes[name]["special"]
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
