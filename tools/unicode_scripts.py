#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of src/text/tokenizer/unicode_scripts.c: the scripts as the pre-tokenizer UnicodeScripts of the PyPI
package `tokenizers` sees them, found by asking it whether two characters stay together."""
from tokenizers import pre_tokenizers

cutter = pre_tokenizers.UnicodeScripts()
first, rows = [], []  # the first character of each script; [first, last, script] of code points


def pieces(text):
    return len(cutter.pre_tokenize_str(text))


def script_of(code):
    if pieces(chr(code)) == 0:
        return 0
    if rows and rows[-1][1] == code - 1 and pieces(chr(code - 1) + chr(code)) == 1:
        return rows[-1][2]
    known = [i for i, one in enumerate(first) if pieces(one + chr(code)) == 1]
    if not known:
        first.append(chr(code))
    return known[0] + 1 if known else len(first)


for code in (code for code in range(0x110000) if not 0xd800 <= code < 0xe000):
    script = script_of(code)
    if rows and rows[-1][1:] == [code - 1, script]:
        rows[-1][1] = code
    elif script:
        rows.append([code, code, script])
print("\n".join("    {0x%x, 0x%x, %d}," % tuple(row) for row in rows))
