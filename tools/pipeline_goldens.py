#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Composes random tokenizers and writes what the `tokenizers` library makes of some lines, for
tests/text/test_tokenizer_pipelines.c.

    tools/pipeline_goldens.py [--seed N] [--count N] [-o FILE]

Every normalizer, pre-tokenizer, model, post-processor and decoder of the library is drawn, with random options and in
random order. The models are those of tests/goldens/tokenizers/. A line's hash is over its ids with special tokens
parsed, with them as plain text, with the frame around them, and over the text that they decode to.  HOB_TEST_PIPELINES=
FILE makes the test read another file than the golden one: thousands are tried that way.
Needs `pip install tokenizers`.
"""

import argparse
import json
import random
import struct
from pathlib import Path

from tokenizers import Tokenizer

import tokenizer_lines

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "goldens" / "tokenizers"
BASES = ("llama3", "llama2", "bert-cased", "xlmr", "words")
ADDED = ["<tok>", "[X]", "ab", " the", "字", "\n\n", "the", "Ａ", "<|x|>", "..", "<tok>x"]
EDGES = ["", " ", "   ", "a", " a", "a ", "  a  b  ", "\n", "\n a\n\n", "\t\tx", "▁", " ▁a", "a▁▁b", "the ab<tok>theabab",
         "<tok> <tok>x [X]..", "  <tok>  ", "é e\u0301 É", "ﬁ ½ Ａｂ \u3000x\u200b", "カナかな漢字ーabcαβγ123", "日本語 text",
         "'s don't I'VE", "x" * 120, "\x00\x01\ufffd\x7f", "👩‍👩‍👧 🇩🇪 🤩", "1 22 333 ١٢٣ ²", "##a a##b", "a\u1b4eb\U000113d7c\u2e52d!", "Å \u212b"]
REGEXES = [r"\s+", r"\p{N}{1,3}", r"\p{L}+", r" ?[^\s\p{L}\p{N}]+", r"'s|'t|'re", r"a|b", r"\s+(?!\S)|\s+", r"x*"]
BEHAVIORS = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
LAST = "os"  # of the base "llama3": no merge goes on from it
SCHEMES = ["always", "first", "never"]


def charsmap():
    def find(node):
        for item in [node, *node.get("normalizers", [])]:
            if item["type"] == "Precompiled":
                return item["precompiled_charsmap"]
    return find(json.loads((FOLDER / "xlmr.json").read_text())["normalizer"])


def draw_normalizer(r):
    flag = lambda: r.random() < 0.5  # noqa: E731
    pattern = {"String": r.choice([" ", "a", "é", "  ", "the"])} if flag() else {"Regex": r.choice(REGEXES[:6])}
    return r.choice([
        *({"type": form} for form in ("NFC", "NFD", "NFKC", "NFKD")), {"type": "Lowercase"}, {"type": "StripAccents"},
        {"type": "Nmt"}, {"type": "Strip", "strip_left": flag(), "strip_right": flag()},
        {"type": "Replace", "pattern": pattern, "content": r.choice(["", "▁", "x", " ", "éé"])},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, {"type": "Prepend", "prepend": r.choice("▁ x")},
        {"type": "BertNormalizer", "clean_text": flag(), "handle_chinese_chars": flag(),
         "strip_accents": r.choice([None, True, False]), "lowercase": flag()},
        {"type": "Precompiled", "precompiled_charsmap": "MAP"}, {"type": "ByteLevel"}])


def draw_pre_tokenizer(r):
    flag = lambda: r.random() < 0.5  # noqa: E731
    behavior = r.choice(BEHAVIORS)
    pattern = {"String": r.choice([" ", "a", "▁", "."])} if flag() else {"Regex": r.choice(REGEXES)}
    return r.choice([
        {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "UnicodeScripts"},
        {"type": "Punctuation", "behavior": behavior}, {"type": "Digits", "individual_digits": flag()},
        {"type": "CharDelimiterSplit", "delimiter": r.choice(" a▁")}, {"type": "FixedLength", "length": r.randint(1, 9)},
        {"type": "Metaspace", "replacement": r.choice("▁_"), "prepend_scheme": r.choice(SCHEMES), "split": flag()},
        {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": flag()},
        {"type": "ByteLevel", "add_prefix_space": flag(), "trim_offsets": flag(), "use_regex": flag()}])


def draw_decoder(r):
    flag = lambda: r.random() < 0.5  # noqa: E731
    return r.choice([
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, {"type": "Fuse"},
        {"type": "ByteFallback"}, {"type": "Strip", "content": r.choice(" a▁"), "start": r.randint(0, 2), "stop": r.randint(0, 2)},
        {"type": "Replace", "pattern": {"String": r.choice(["▁", "a", "##"])}, "content": r.choice([" ", "", "b"])},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": r.choice(SCHEMES), "split": flag()},
        {"type": "WordPiece", "prefix": "##", "cleanup": flag()}, {"type": "BPEDecoder", "suffix": "</w>"},
        {"type": "CTC", "pad_token": "the", "word_delimiter_token": "a", "cleanup": flag()}])


def sequence(r, draw, key, most):
    items = [draw(r) for _ in range(r.choice(range(most + 1)))]
    items = items[:1] + [item for item in items[1:] if item["type"] != "CTC"]  # which hob has as the first only
    for item in items[1:]:
        if item.get("prepend_scheme") == "first":  # where a normalizer put characters in, several pieces are
            item["prepend_scheme"] = "never"
    return None if not items else items[0] if len(items) == 1 else {"type": "Sequence", key: items}


def draw_model(r, base):
    """Members that replace some of the base's."""
    flag = lambda: r.random() < 0.5  # noqa: E731
    if base == "llama3":
        return {"ignore_merges": flag(), "unk_token": r.choice([None, LAST]), "fuse_unk": flag()}
    if base == "llama2":
        return {"byte_fallback": flag(), "fuse_unk": flag(), "unk_token": r.choice([None, "<unk>"]), "ignore_merges": flag(),
                "continuing_subword_prefix": r.choice([None, None, "##"]), "end_of_word_suffix": r.choice([None, None, "</w>"])}
    if base == "bert-cased":
        return {"max_input_chars_per_word": r.choice([3, 100]), "continuing_subword_prefix": r.choice(["##", "a"])}
    return {"byte_fallback": flag()} if base == "xlmr" else {}


def draw_added(r, ids):
    """New tokens behind the model's; those that the model has keep their ids, and are not special: the library lets plain
    text spell such a one, hob does not."""
    flag = lambda: r.random() < 0.3  # noqa: E731
    texts = r.sample(ADDED, r.randint(0, 4))
    new = [text for text in texts if text not in ids]
    return [{"id": ids[text] if text in ids else len(ids) + new.index(text), "content": text, "single_word": flag(),
             "lstrip": flag(), "rstrip": flag(), "normalized": flag(), "special": text in new and flag()} for text in texts]


def draw_frame(r, ids):
    first, last = r.sample(sorted(ids), 2)
    pair = lambda text: [text, ids[text]]  # noqa: E731
    special = lambda text: {"SpecialToken": {"id": text, "type_id": 0}}  # noqa: E731
    both = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    frame = r.choice([
        {"type": "BertProcessing", "sep": pair(last), "cls": pair(first)},
        {"type": "RobertaProcessing", "sep": pair(last), "cls": pair(first), "trim_offsets": True, "add_prefix_space": False},
        {"type": "TemplateProcessing", "single": [special(first), special(last), both[0], special(last)], "pair": both,
         "special_tokens": {text: {"id": text, "ids": [ids[text]], "tokens": [text]} for text in (first, last)}}])
    return r.choice([None, byte_level, frame, {"type": "Sequence", "processors": [byte_level, frame]}])


def hash_more(value, data):
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def hash_line(tokenizer, line):
    value = 0x811C9DC5
    for plain, framed in ((False, False), (True, False), (False, True)):
        tokenizer.encode_special_tokens = plain
        ids = tokenizer.encode(line, add_special_tokens=framed).ids
        value = hash_more(value, struct.pack("<%di" % (len(ids) + 1), *ids, -1))
    text = tokenizer.decode(tokenizer.encode(line, add_special_tokens=False).ids, skip_special_tokens=False)
    if "\ufffd" in text:  # the library's word for bytes that are not text, which hob gives back as they are
        text = ""
    return "%08x" % hash_more(value, text.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("-o", type=Path, default=FOLDER / "pipelines.json")
    args = parser.parse_args()
    r = random.Random(args.seed)
    lines = EDGES + tokenizer_lines.lines(args.seed, 50, ADDED)
    models = {base: json.loads((FOLDER / (base + ".json")).read_text())["model"] for base in BASES[:-1]}
    words = sorted({word for line in lines for word in line.split() if len(word) < 9 and "\0" not in word} | {"the", "a", "[UNK]"})
    models["words"] = {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(words)}, "unk_token": "[UNK]"}
    pipelines, hashes, map_text = [], [], charsmap()
    while len(pipelines) < args.count:
        base = r.choice(BASES)
        changes = draw_model(r, base)
        model = {**models[base], **changes}
        ids = {entry[0]: i for i, entry in enumerate(model["vocab"])} if base == "xlmr" else model["vocab"]
        drawn = {"normalizer": sequence(r, draw_normalizer, "normalizers", 3),
                 "pre_tokenizer": sequence(r, draw_pre_tokenizer, "pretokenizers", 3),
                 "post_processor": draw_frame(r, ids), "decoder": sequence(r, draw_decoder, "decoders", 3),
                 "added_tokens": draw_added(r, ids)}
        text = json.dumps({"version": "1.0", "truncation": None, "padding": None, **drawn, "model": model})
        try:
            tokenizer = Tokenizer.from_str(text.replace('"MAP"', json.dumps(map_text)))
            found = [hash_line(tokenizer, line) for line in lines]
        except BaseException as error:  # what the library refuses, or panics at, says nothing
            if isinstance(error, KeyboardInterrupt):
                raise
            continue
        pipelines.append({**drawn, "base": base, "changes": changes})
        hashes.append("".join(found))
    golden = {"lines": lines, "words": models["words"], "charsmap": map_text, "pipelines": pipelines, "hashes": hashes}
    args.o.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
