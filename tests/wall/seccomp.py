# SPDX-License-Identifier: Apache-2.0
"""A system that lacks something, simulated: a filter by which chosen system calls fail before a program begins."""
import ctypes
import errno
import platform
import struct

LANDLOCK = (444, 445, 446)
SECCOMP = {"x86_64": 317, "aarch64": 277}.get(platform.machine())
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000


def without(calls, error=errno.ENOSYS):
    """For preexec_fn: from then on these calls fail."""
    def lay():
        program = struct.pack("HBBI", LOAD, 0, 0, 0)
        for i, call in enumerate(calls):
            program += struct.pack("HBBI", JUMP_EQUAL, len(calls) - i, 0, call)
        program += struct.pack("HBBI", RETURN, 0, 0, ALLOW) + struct.pack("HBBI", RETURN, 0, 0, ERRNO | error)
        buffer = ctypes.create_string_buffer(program)
        whole = struct.pack("H6xQ", len(program) // 8, ctypes.addressof(buffer))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
                libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.c_char_p(whole), 0, 0):
            raise OSError(ctypes.get_errno(), "no filter")
    return lay
