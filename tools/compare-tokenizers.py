#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare `hob tokenize` with the `tokenizers` library, line by line.

    tools/compare-tokenizers.py [--hob PROGRAM] [--lines N] [--seed N] TOKENIZER.JSON [MODEL]

TOKENIZER.JSON may be xz-compressed. MODEL is what hob opens, by default the folder of TOKENIZER.JSON; give a GGUF file
to compare that with its publisher's tokenizer. Lines are those of tokenizer_lines.py without line ends, with texts of
the vocabulary's added tokens among them, each encoded once with special tokens parsed and once without.
Needs `pip install tokenizers`. Exit: 0 all equal, 1 not.
"""

import argparse
import json
import lzma
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tokenizers import Tokenizer

import tokenizer_lines


def load(path):
    text = lzma.open(path, "rt").read() if path.suffix == ".xz" else path.read_text()
    return Tokenizer.from_str(text)


def hob_ids(program, model, lines, special):
    with tempfile.NamedTemporaryFile("wb") as file:
        file.write("".join(line + "\n" for line in lines).encode())
        file.flush()
        command = [program, "tokenize", model, "--file", file.name, "--lines", "--json", "--no-bos"]
        result = subprocess.run(command + ["--special"] * special, capture_output=True, check=True)
    return [json.loads(line) for line in result.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hob", default="build/hob", help="the program")
    parser.add_argument("--lines", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("model", nargs="?")
    args = parser.parse_args()
    library = load(args.tokenizer)
    added = [token.content for token in library.get_added_tokens_decoder().values()]
    random.Random(args.seed).shuffle(added)
    drawn = tokenizer_lines.lines(args.seed, args.lines, added[:60])
    lines = [line for line in drawn if not any(end in line for end in "\n\r")]
    n_wrong = 0
    for special in (True, False):
        library.encode_special_tokens = not special
        found = hob_ids(args.hob, args.model or str(args.tokenizer.parent), lines, special)
        if len(found) != len(lines):
            sys.exit(f"{len(found)} lines came back of {len(lines)}")
        for line, ids in zip(lines, found):
            want = library.encode(line, add_special_tokens=False).ids
            if ids != want:
                n_wrong += 1
                if n_wrong <= 10:
                    print(f"{line!r}\n  hob  {ids}\n  want {want}")
    print(f"{args.tokenizer}: {2 * len(lines)} encodings, {n_wrong} differ")
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
