#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logits of the real models against those of transformers (tools/goldens_real.py): 700 tokens under --precise."""
import base64
import math
import os
import struct

import hob

TOLERANCE = 1e-3


def check(name):
    path, golden = hob.real_model(name), hob.golden("real-" + name)
    if not path:
        raise hob.Skip("tools/models %s has not fetched it" % name)
    out = os.path.join(hob.TEMP, "logits.npy")
    ids, top, vocab = golden["ids"], golden["top"], golden["vocab"]
    hob.run("logits", path, "--tokens", hob.ids_text(ids), "--precise", "-o", out, timeout=600)
    raw = base64.b64decode(golden["top_ids"])
    top_ids = struct.unpack("<%dI" % (len(raw) // 4), raw)
    top_logits, logsumexp = hob.floats(golden["top_logits"]), hob.floats(golden["logsumexp"])
    worst = worst_sum = 0.0
    with open(out, "rb") as file:
        assert os.path.getsize(out) == 128 + len(ids) * vocab * 4
        file.seek(128)
        for row in range(len(ids)):
            got = memoryview(file.read(vocab * 4)).cast("f")
            for k in range(row * top, row * top + top):
                difference = abs(got[top_ids[k]] - top_logits[k])
                worst = difference if not difference <= worst else worst
            best = max(got)
            if top_logits[row * top] - top_logits[row * top + 1] > TOLERANCE:
                assert got[top_ids[row * top]] == best, "row %d: another token is best" % row
            if row % 7 == 0 or row == len(ids) - 1:
                total = best + math.log(math.fsum(math.exp(v - best) for v in got))
                worst_sum = max(worst_sum, abs(total - logsumexp[row]))
    os.unlink(out)
    print("# %s: largest difference %.1e, of the log-sum-exp %.1e" % (name, worst, worst_sum))
    assert worst <= TOLERANCE and worst_sum <= TOLERANCE, (worst, worst_sum)


hob.main([(name + " is what transformers says", lambda n=name: check(n)) for name in hob.REAL])
