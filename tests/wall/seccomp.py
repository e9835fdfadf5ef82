# SPDX-License-Identifier: Apache-2.0
"""A system that lacks something, simulated: a filter by which chosen system calls fail before a program begins."""
import ctypes
import errno
import platform
import struct

LANDLOCK = (444, 445, 446)
SECCOMP = {"x86_64": 317, "aarch64": 277}.get(platform.machine())
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, RETURN, AND = 0x20, 0x15, 0x06, 0x54
X86 = platform.machine() == "x86_64"
PRCTL, UNSHARE, MEMFD, PRLIMIT, CLOSE_RANGE, SOCKET = (157, 272, 319, 302, 436, 41) if X86 else (167, 97, 279, 261, 436, 198)
ALLOW, ERRNO = 0x7fff0000, 0x00050000


def without(calls, error=errno.ENOSYS):
    """For preexec_fn: from then on these calls fail; a call is its number, or (number, argument, mask): it fails where that
    argument, counted from 0, has all bits of the mask; (number, argument, mask, value): where its masked bits are that."""
    def test(call):
        refuse = struct.pack("HBBI", RETURN, 0, 0, ERRNO | error)
        if not isinstance(call, tuple):
            return struct.pack("HBBI", JUMP_EQUAL, 0, 1, call) + refuse
        number, argument, mask, value = call if len(call) == 4 else (*call, call[2])
        return struct.pack("HBBI", JUMP_EQUAL, 0, 5, number) + struct.pack("HBBI", LOAD, 0, 0, 16 + 8 * argument) + \
            struct.pack("HBBI", AND, 0, 0, mask) + struct.pack("HBBI", JUMP_EQUAL, 0, 1, value) + refuse + \
            struct.pack("HBBI", LOAD, 0, 0, 0)

    def lay():
        program = struct.pack("HBBI", LOAD, 0, 0, 0) + b"".join(test(call) for call in calls) + \
            struct.pack("HBBI", RETURN, 0, 0, ALLOW)
        buffer = ctypes.create_string_buffer(program)
        whole = struct.pack("H6xQ", len(program) // 8, ctypes.addressof(buffer))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
                libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.c_char_p(whole), 0, 0):
            raise OSError(ctypes.get_errno(), "no filter")
    return lay
