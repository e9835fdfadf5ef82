#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the speed of hob's tokenizer with that of the `tokenizers` library: one thread each, in turns.

    tools/bench-tokenizers.py [--program BENCH] [--rounds N] [--mb N] [--bytes N] TOKENIZER.JSON FILE...

Each FILE is cut into texts of about --bytes (65536) at line ends, of which the first --mb (100) megabytes are encoded.
TOKENIZER.JSON may be xz-compressed. Reading files and loading vocabularies is not counted. Prints medians.
Needs `pip install tokenizers` and build/bench/bench_tokenizer.
"""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import argparse
import json
import lzma
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tokenizers import Tokenizer


def cut(data, size):
    at = 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + size) + 1 if len(data) - at > size else len(data)
        end = end if end > at else min(at + size, len(data))
        yield data[at:end].decode(errors="ignore")
        at = end


def library_seconds(tokenizer, texts):
    start, n = time.perf_counter(), 0
    for text in texts:
        n += len(tokenizer.encode(text, add_special_tokens=False).ids)
    return time.perf_counter() - start, n


def hob_seconds(program, model, path, size):
    result = subprocess.run([program, model, path, str(size)], capture_output=True, check=True)
    found = json.loads(result.stdout)
    return found["seconds"], found["tokens"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default="build/bench/bench_tokenizer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=65536)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    args = parser.parse_args()
    opener = lzma.open if args.tokenizer.suffix == ".xz" else open
    text = opener(args.tokenizer, "rt", encoding="utf-8").read()
    library = Tokenizer.from_str(text)
    with tempfile.TemporaryDirectory() as folder:
        model, part = Path(folder, "tokenizer.json"), Path(folder, "text")
        model.write_text(text, encoding="utf-8")
        for path in args.files:
            with open(path, "rb") as file:
                data = file.read(args.mb * 1000000).decode(errors="ignore").encode()
            part.write_bytes(data)
            texts, times = list(cut(data, args.bytes)), {"hob": [], "tokenizers": []}
            for _ in range(args.rounds):
                seconds, n_hob = hob_seconds(args.program, model, part, args.bytes)
                times["hob"].append(seconds)
                seconds, n_library = library_seconds(library, texts)
                times["tokenizers"].append(seconds)
            medians = {name: statistics.median(values) for name, values in times.items()}
            rates = "  ".join(f"{name} {len(data) / 1e6 / value:.1f} MB/s" for name, value in medians.items())
            print(f"{args.tokenizer.parent.name} {path.name}: {rates}  {medians['tokenizers'] / medians['hob']:.1f} times"
                  f"  tokens {n_hob} {n_library}", flush=True)


if __name__ == "__main__":
    main()
