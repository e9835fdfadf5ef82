# SPDX-License-Identifier: Apache-2.0
"""hob on a pseudo terminal, for tests of what a person sees."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import hob


class Terminal:
    """A running hob; `seen` is all it wrote."""

    def __init__(self, *words, env=None, columns=80, rows=24):
        self.seen = b""
        self.at = 0
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            changes = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})}
            full = {name: value for name, value in {**hob.ENV, **changes}.items() if value is not None}
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            try:
                os.execve(hob.HOB, [hob.HOB, *map(str, words)], full)
            finally:
                os._exit(127)

    def _read(self, seconds):
        if not select.select([self.fd], [], [], max(0, seconds))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.seen += data
        return bool(data)

    def _has_ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait(self, pattern, seconds=60):
        """Reads until `pattern` (bytes) comes after what was waited for before; returns the plain text up to it."""
        end = time.monotonic() + seconds
        while True:
            match = re.compile(pattern).search(self.seen, self.at)
            if match:
                text = self.seen[self.at:match.end()]
                self.at = match.end()
                return plain(text)
            left = end - time.monotonic()
            if left <= 0 or (not self._read(min(left, 0.2)) and self._has_ended() and not self._read(0)):
                raise AssertionError("waited for %r, saw %r" % (pattern, plain(self.seen[self.at:])[-2000:]))

    def prompt(self, seconds=60):
        """Waits for the prompt, until it takes keys; returns the plain text before it."""
        text = self.wait(rb">>>[^ ]* ", seconds)
        end = time.monotonic() + seconds
        while termios.tcgetattr(self.fd)[3] & termios.ECHO and time.monotonic() < end:
            time.sleep(0.01)  # echo is off once the line editor has the terminal
        return text[:-4]

    def send(self, text):
        os.write(self.fd, text.encode())

    def say(self, line, seconds=60):
        """Sends a line; returns the plain text between its echo and the next prompt."""
        while self._read(0.02):
            pass
        self.at = len(self.seen)
        self.send(line + "\r")
        self.wait(rb"\n")
        return self.prompt(seconds)

    def close(self, seconds=60):
        """Waits for the end; returns the exit status, None if it had to be killed."""
        end = time.monotonic() + seconds
        while not self._has_ended() and time.monotonic() < end:
            self._read(0.05)
        status = self.status
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        while self._read(0):
            pass
        os.close(self.fd)
        return status


def plain(data):
    """Text without escape sequences."""
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r", b"", data).decode("utf-8", "replace")
