#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draw a real chat as the README's picture.

    tools/chat_picture.py >docs/chat.svg

Runs `./run --temp 0` in a terminal of its own (tmux), types the lines below, waits for each answer, and draws what the
terminal then shows. Needs tmux, the built program and the starter model.
"""
import html
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS, ROWS = 84, 60
LINES = ["Why is the sky blue? Answer in two sentences.", "Write a Python function that reverses a string."]
PROMPT = ">>>"
PATIENCE_S = 120

CELL_W, CELL_H, MARGIN, FONT_SIZE = 8.4, 19, 16, 14
BACKGROUND, FOREGROUND = "#16181d", "#d8dbe2"
COLOURS = {31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2", 37: FOREGROUND}


def tmux(*words):
    return subprocess.run(["tmux", "-L", "hob-picture", *words], check=True, capture_output=True, text=True).stdout


def screen():
    return tmux("capture-pane", "-p", "-e").rstrip("\n")


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def wait_for_prompt(n):
    """Until the screen shows `n` prompts, the last line being one, and stays so."""
    end, last = time.monotonic() + PATIENCE_S, None
    while time.monotonic() < end:
        time.sleep(0.5)
        now = screen()
        lines = plain(now).rstrip().splitlines() or [""]
        if now == last and lines[-1].strip() == PROMPT and sum(line.startswith(PROMPT) for line in lines) == n:
            return now
        last = now
    sys.exit("chat_picture.py: no prompt after %d s:\n%s" % (PATIENCE_S, plain(screen())))


def record():
    with tempfile.TemporaryDirectory() as home:
        shell = ["env", "HOB_HOME=" + home, "PS1=$ ", "TERM=xterm-256color", "bash", "--norc", "--noprofile"]
        tmux("-f", "/dev/null", "new-session", "-d", "-c", ROOT, "-x", str(COLUMNS), "-y", str(ROWS), *shell)
        try:
            time.sleep(1)
            tmux("send-keys", "-l", "./run --temp 0")
            tmux("send-keys", "Enter")
            wait_for_prompt(1)
            for n, line in enumerate(LINES, 2):
                tmux("send-keys", "-l", line)
                tmux("send-keys", "Enter")
                shown = wait_for_prompt(n)
        finally:
            tmux("kill-server")
    return shown


def runs(line, style):
    """(column, text, style) of each stretch of one look; `style` goes on from line to line."""
    column = 0
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b"):
            if part:
                yield column, part, dict(style)
            column += len(part)
            continue
        for code in [int(c or 0) for c in part[2:-1].split(";")]:
            if code == 0:
                style.clear()
            elif code in (1, 2, 3):
                style[code] = True
            elif code in (22, 23):
                for k in ((1, 2) if code == 22 else (3,)):
                    style.pop(k, None)
            elif code in COLOURS:
                style["fill"] = COLOURS[code]
            elif code == 39:
                style.pop("fill", None)


def draw(shown):
    lines = shown.splitlines()
    width, height = 2 * MARGIN + COLUMNS * CELL_W, 2 * MARGIN + len(lines) * CELL_H
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" '
           'font-family="ui-monospace, \'DejaVu Sans Mono\', Menlo, Consolas, monospace" font-size="%d" fill="%s">'
           % (width, height, width, height, FONT_SIZE, FOREGROUND),
           "<title>A chat with hob in a terminal</title>",
           '<rect width="100%%" height="100%%" rx="8" fill="%s"/>' % BACKGROUND]
    style = {}
    for row, line in enumerate(lines):
        for column, text, look in runs(line, style):
            left = len(text) - len(text.lstrip(" "))
            text = text[left:].rstrip(" ")
            if not text:
                continue
            attributes = "".join((' font-weight="bold"' if look.get(1) else "", ' opacity="0.6"' if look.get(2) else "",
                                  ' font-style="italic"' if look.get(3) else "",
                                  ' fill="%s"' % look["fill"] if "fill" in look else ""))
            out.append('<text x="%.1f" y="%.1f" textLength="%.1f" xml:space="preserve"%s>%s</text>' % (
                MARGIN + (column + left) * CELL_W, MARGIN + row * CELL_H + FONT_SIZE, len(text) * CELL_W, attributes,
                html.escape(text)))
    out.append("</svg>")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.stdout.write(draw(record()))
