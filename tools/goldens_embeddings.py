#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make tests/goldens/tiny-embeddings.json: vectors that transformers makes of the tiny checkpoints.

    python3 tools/goldens_embeddings.py

Made with torch 2.15, transformers 5.23 and numpy 2 in a virtual environment of their own; ./test needs none of them.

The golden file
  {"tiny-NAME": [{"ids": [T ids], "mean": BASE64, "cls": BASE64, "last": BASE64}, ...]}
each E little-endian float32: the mean over all rows, the first and the last row of last_hidden_state (which is behind
the last norm), in float32 with eager attention; sums over rows in float64.
"""
import base64
import json
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel
from transformers.utils import logging

logging.disable_progress_bar()
logging.set_verbosity_error()
ROOT = Path(__file__).resolve().parent.parent


def text(row):
    return base64.b64encode(np.asarray(row, dtype="<f4").tobytes()).decode()


def main():
    goldens = {}
    for folder in sorted((ROOT / "tests" / "models").glob("tiny-*")):
        if not folder.is_dir():
            continue
        model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        runs = []
        for n in (1, 9, 150):
            ids = [(i * 53 + i * i * 7 + n) % 300 for i in range(n)]
            with torch.no_grad():
                rows = model(torch.tensor([ids])).last_hidden_state[0].double().numpy()
            runs.append({"ids": ids, "mean": text(rows.mean(0)), "cls": text(rows[0]), "last": text(rows[-1])})
        goldens[folder.name] = runs
    path = ROOT / "tests" / "goldens" / "tiny-embeddings.json"
    path.write_text(json.dumps(goldens, indent=0).replace(",\n", ", ") + "\n")
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
