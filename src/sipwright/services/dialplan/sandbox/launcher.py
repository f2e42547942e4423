"""What a worker of the sandbox runs first: it gives away all that a worker does not need, and becomes the interpreter.

The interpreter lets no script near a file or a socket; this is for the day on which one finds a way around it. It is a
program of its own (`confinement.py` starts it), so it imports nothing of ours and little else, which takes time.

Taken away are: new privileges; files but the libraries of the interpreter, and other programs (Landlock); sockets, new
processes and every other system call that is not listed here (seccomp); writing files, and more than a few open ones
(limits); a place before the loop that goes on with calls (nice). What is not allowed fails with EPERM or EACCES. What
the kernel does not offer is left out, and told.
"""

from __future__ import annotations

import errno
import os
import struct

TYPE_CHECKING = False  # as `typing` has it, which takes as long to import as everything else together
if TYPE_CHECKING:
    from typing import Any

__all__ = ["confine", "main"]

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_EXECUTE, _READ_FILE = 1 << 0, 1 << 2
_PATH_BENEATH, _VERSION = 1, 1
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/etc/ld.so.cache")
_MOST_FILES = 32
_NICE = 10
"""Calls come first: woken up for a script, a worker would take the processor from the loop that goes on talking."""

_X86_64, _AARCH64 = 0xC000003E, 0xC00000B7
# fmt: off
_CALLS = {
    # Reading, writing and closing; memory; time; signals of its own; threads; its end.  In the order of the names.
    _X86_64: (21, 158, 12, 3, 230, 228, 229, 32, 33, 292, 290, 291, 233, 232, 281, 59, 60, 231, 269, 221, 72, 5, 202,
              97, 318, 102, 104, 107, 108, 39, 110, 186, 96, 79, 16, 8, 28, 324, 9, 10, 25, 11, 35, 262, 22,
              293, 7, 271, 157, 17, 18, 0, 89, 267, 19, 219, 334, 13, 14, 15, 204, 24, 273, 218, 131, 332,
              99, 63, 1, 20, 98, 27, 4, 6, 61, 247),
    _AARCH64: (48, 214, 57, 115, 113, 114, 23, 24, 20, 21, 22, 19, 221, 93, 94, 223, 25, 80, 98, 163, 278, 174, 175,
               176, 177, 172, 173, 178, 169, 17, 29, 62, 233, 283, 222, 226, 216, 227, 215, 101, 79, 59, 73, 167,
               67, 68, 63, 78, 65, 128, 293, 134, 135, 139, 123, 124, 99, 96, 132, 291, 179, 160, 64,
               66, 165, 232, 260, 95),
}
_OPENAT = {_X86_64: 257, _AARCH64: 56}
_CLONE = {_X86_64: 56, _AARCH64: 220}
_TGKILL = {_X86_64: 234, _AARCH64: 131}
_PRLIMIT = {_X86_64: 302, _AARCH64: 261}
_CLONE3 = 435
# fmt: on
_CLONE_THREAD = 0x10000
_ANY_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _THIRD = 0, 4, 16, 32  # where they stand in struct seccomp_data
_X32 = 0x40000000


def main(program: str, arguments: list[str]) -> None:
    """Become a program that can do little; `--tell` writes what could not be taken away instead."""
    os.closerange(
        3, 65_536
    )  # whatever the process that starts workers has open, such as a socket that it was given
    missing = confine(program)
    if arguments == ["--tell"]:
        os.write(1, "\n".join(missing).encode())
        return
    os.execve(program, [program, *arguments], {})


def confine(program: str) -> list[str]:
    """Take from this process what a worker does not need; return what could not be taken, and why."""
    missing = []
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
    except (ImportError, OSError, TypeError) as error:
        return [f"everything: {error}"]
    for step, what in (
        (_limit, "limits"),
        (_renounce, "privileges"),
        (_close_files, "files"),
        (_filter, "calls"),
    ):
        try:
            step(libc, program)
        except (ImportError, OSError, ValueError, struct.error) as error:
            missing.append(f"{what}: {error}")
    return missing


def _limit(libc: Any, program: str) -> None:
    import resource

    os.nice(_NICE)
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
    ):
        resource.setrlimit(what, (most, most))


def _renounce(libc: Any, program: str) -> None:
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _close_files(libc: Any, program: str) -> None:
    """Leave of all files the libraries to be read, and of all programs this one to be run (Landlock)."""
    import ctypes

    version = _checked(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION))
    # Each version of it knows more of what can be done to files, and since the fourth of what can be done to ports.
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    ruleset = struct.pack("=Q", files) + (struct.pack("=Q", 3) if version >= 4 else b"")
    ruleset += struct.pack("=Q", 3) if version >= 6 else b""
    rules = _checked(libc.syscall(_CREATE_RULESET, ruleset, ctypes.c_size_t(len(ruleset)), 0))
    allowed = {
        **dict.fromkeys(_LIBRARIES, _READ_FILE),
        **dict.fromkeys(_run_by(program), _READ_FILE | _EXECUTE),
    }
    for path, access in allowed.items():
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        rule = struct.pack("=Qi", access, place)
        _checked(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0))
        os.close(place)
    _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _run_by(program: str) -> list[str]:
    """Return a program and what loads its libraries, which its ELF header names."""
    with open(program, "rb") as file:
        head = file.read(4096)
    (start,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<HH", head, 54)
    for at in range(start, start + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", head, at)
        if kind == 3:  # PT_INTERP
            return [program, head[offset : offset + length].rstrip(b"\0").decode()]
    return [program]


def _filter(libc: Any, program: str) -> None:
    """Let nothing through but the calls of the list (seccomp)."""
    import ctypes

    architecture = {"x86_64": _X86_64, "aarch64": _AARCH64}.get(os.uname().machine)
    if architecture is None or struct.calcsize("P") != 8:
        raise OSError(errno.ENOSYS, f"nobody has listed the calls of {os.uname().machine}")
    code = _instructions(architecture)
    filled = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
    described = struct.pack("@HP", len(code), ctypes.addressof(filled))
    _checked(libc.prctl(_PR_SET_SECCOMP, 2, described, 0, 0))


def _instructions(architecture: int) -> list[tuple[int, int, int, int]]:
    """Return the filter as a program of Berkeley packet filters: operation, two ways to jump, operand."""
    refused = _FAIL | errno.EPERM
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER),
        (_GREATER, 0, 1, _X32), (_RETURN, 0, 0, _KILL),
        # A file is opened to be read, and what is begun is a thread.
        (_EQUAL, 0, 4, _OPENAT[architecture]), (_LOAD, 0, 0, _THIRD), (_ANY_BIT, 0, 1, _ANY_WRITING),
        (_RETURN, 0, 0, refused), (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, _CLONE[architecture]), (_LOAD, 0, 0, _FIRST), (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, refused), (_RETURN, 0, 0, _ALLOW),
        # Signals and limits are its own.
        (_EQUAL, 0, 4, _TGKILL[architecture]), (_LOAD, 0, 0, _FIRST), (_EQUAL, 1, 0, os.getpid()),
        (_RETURN, 0, 0, refused), (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, _PRLIMIT[architecture]), (_LOAD, 0, 0, _FIRST), (_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, refused), (_RETURN, 0, 0, _ALLOW),
        # Its arguments are in memory, where no filter looks; the C library takes the other one then.
        (_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
    ]  # fmt: skip
    for number in _CALLS[architecture]:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    return [*code, (_RETURN, 0, 0, refused)]


def _checked(result: int) -> int:
    if result < 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
