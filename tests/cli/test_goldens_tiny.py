#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logits of the tiny checkpoints of tests/models against those of transformers (tools/goldens_tiny.py), and that
the tolerance is worth something: each mutation of tests/mutate.py moves them by at least 100 times as much."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import hob  # noqa: E402
import mutate  # noqa: E402

TOLERANCE = 2e-4
MOVED = 100 * TOLERANCE


def farthest(model, golden):
    """The largest difference over all golden rows of all runs."""
    worst = 0.0
    out = os.path.join(hob.TEMP, "logits.npy")
    for run in golden["runs"]:
        hob.run("logits", model, "--tokens", hob.ids_text(run["ids"]), "--precise", "-o", out)
        rows, columns, got = hob.read_npy(out)
        assert (rows, columns) == (len(run["ids"]), golden["vocab"]), (rows, columns)
        want = hob.floats(run["logits"])
        for r, row in enumerate(run["rows"]):
            for c in range(columns):
                difference = abs(got[row * columns + c] - want[r * columns + c])
                if not difference <= worst:
                    worst = difference
    return worst


def check_close(path, golden):
    lengths = [len(run["ids"]) for run in golden["runs"]]
    assert lengths == [1, 7, 64, 300], lengths
    worst = farthest(path, golden)
    print("# %s: largest difference %.1e" % (os.path.basename(path), worst))
    assert worst <= TOLERANCE, "largest difference %g, want at most %g" % (worst, TOLERANCE)


def check_mutations(folder, golden):
    names = mutate.names(folder)
    assert names == list(golden["mutations"]), "the golden file lists other mutations"
    weak = []
    for name in names:
        with tempfile.TemporaryDirectory(dir=hob.TEMP) as temp:
            moved = farthest(mutate.apply(folder, name, os.path.join(temp, "m")), golden)
        if not moved >= MOVED:
            weak.append("%s %g" % (name, moved))
    assert not weak, "want at least %g: %s" % (MOVED, ", ".join(weak))


tests = []
for model in hob.TINY:
    folder, golden = os.path.join(hob.MODELS, model), hob.golden(model)
    tests.append((model + "/ is what transformers says", lambda f=folder, g=golden: check_close(f, g)))
    if golden["gguf"]:
        tests.append((model + ".gguf is what transformers says",
                      lambda f=folder + ".gguf", g=golden: check_close(f, g)))
    tests.append((model + ": every mutation shows", lambda f=folder, g=golden: check_mutations(f, g)))
hob.main(tests)
