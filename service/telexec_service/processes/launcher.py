"""A program of some 200 bytes that enters a cgroup and becomes another program.

A child must be in its cgroup before its own program runs: what it starts and what it uses would
else be outside. It cannot be put there from here, and a shell as a launcher would change the
environment (it drops what is no name to it, and sets some). This one changes nothing: neither
environment nor arguments, so that `argv[0]` may be anything.

It is called with the program's path and arguments behind its own name, and with the cgroup's
`cgroup.procs` open for writing as descriptor 3. Without a path it ends with 0 once it is in.
"""

import fcntl
import os
import struct

from telexec_service.processes.starting import Program, start

CANNOT = 126
"""What it exits with when it cannot enter or become what it should; it says so on stderr."""

_PROCS = 3
_NAME = "telexec-launch"
_FIRST_FREE = 10
"""Its own file must not be where a child has something else."""

_TEXT = b"telexec: cannot execute the program in its cgroup\n"

# What both do: write the digit to the descriptor and close it; execute what the second argument
# names, with those from the third one on and with the environment that is there; when one of these
# fails, write the text to stderr and exit.
_X86_64 = bytes.fromhex(
    "488b1c24"  # mov rbx, [rsp]
    "488d6c2408"  # lea rbp, [rsp + 8]
    "bf03000000"  # mov edi, 3
    "488d355b000000"  # lea rsi, [rip + digit]
    "ba01000000"  # mov edx, 1
    "b801000000"  # mov eax, 1 (write)
    "0f05"  # syscall
    "83f801"  # cmp eax, 1
    "7526"  # jne fail
    "b803000000"  # mov eax, 3 (close)
    "0f05"  # syscall
    "bf00000000"  # mov edi, 0
    "4883fb02"  # cmp rbx, 2
    "7c31"  # jl leave
    "488b7d08"  # mov rdi, [rbp + 8]
    "488d7510"  # lea rsi, [rbp + 16]
    "488d54dd08"  # lea rdx, [rbp + rbx * 8 + 8]
    "b83b000000"  # mov eax, 59 (execve)
    "0f05"  # syscall
    "bf02000000"  # fail: mov edi, 2
    "488d3519000000"  # lea rsi, [rip + text]
    "ba32000000"  # mov edx, 50
    "b801000000"  # mov eax, 1 (write)
    "0f05"  # syscall
    "bf7e000000"  # mov edi, 126
    "b83c000000"  # leave: mov eax, 60 (exit)
    "0f05"  # syscall
)

# Instructions are written as numbers, in the order of the bytes that mean most first.
_AARCH64 = struct.pack(
    "<29I",
    0xF94003F3,  # ldr x19, [sp]
    0x910023F4,  # add x20, sp, #8
    0xD2800060,  # mov x0, #3
    0x10000341,  # adr x1, digit
    0xD2800022,  # mov x2, #1
    0xD2800808,  # mov x8, #64 (write)
    0xD4000001,  # svc #0
    0xF100041F,  # cmp x0, #1
    0x540001A1,  # b.ne fail
    0xD2800060,  # mov x0, #3
    0xD2800728,  # mov x8, #57 (close)
    0xD4000001,  # svc #0
    0xD2800000,  # mov x0, #0
    0xF1000A7F,  # cmp x19, #2
    0x540001AB,  # b.lt leave
    0xF9400680,  # ldr x0, [x20, #8]
    0x91004281,  # add x1, x20, #16
    0x8B130E82,  # add x2, x20, x19, lsl #3
    0x91002042,  # add x2, x2, #8
    0xD2801BA8,  # mov x8, #221 (execve)
    0xD4000001,  # svc #0
    0xD2800040,  # fail: mov x0, #2
    0x300000E1,  # adr x1, text
    0xD2800642,  # mov x2, #50
    0xD2800808,  # mov x8, #64 (write)
    0xD4000001,  # svc #0
    0xD2800FC0,  # mov x0, #126
    0xD2800BA8,  # leave: mov x8, #93 (exit)
    0xD4000001,  # svc #0
)

_PROGRAMS = {"x86_64": (62, _X86_64), "aarch64": (183, _AARCH64)}
"""By machine, as uname(2) calls it: its number in ELF, and the code."""


class LauncherError(Exception):
    """There is no launcher here; the text says why."""


class Launcher:
    """The launcher, in memory, from `__init__` to `close`.

    Raises:
        LauncherError: There is none for this machine, or the system keeps it from being one.
    """

    def __init__(self) -> None:
        machine = os.uname().machine
        if machine not in _PROGRAMS:
            raise LauncherError(f"no program for {machine} enters a cgroup")
        try:
            descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC)
            try:
                os.write(descriptor, executable(machine))
                self._file = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
            finally:
                os.close(descriptor)
            # Whoever has it open for writing cannot execute it.
            writable, self._file = self._file, _reopened(self._file)
            os.close(writable)
        except OSError as error:
            raise LauncherError(
                f"the program that enters cgroups cannot be made: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Give it back. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def start(self, group: str, directory: int, program: Program) -> int:
        """Start a program in a cgroup, also given as a descriptor, and return its pid.

        That the program cannot be executed is only said by its end; see `CANNOT`.

        Raises:
            OSError: The launcher cannot be started.
        """
        del directory
        return self._start(group, program, [_NAME, program.file, *program.arguments])

    def try_entering(self, group: str) -> bool:
        """Return whether a child can enter a cgroup."""
        silent = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
        pid = self._start(group, Program("", [], {}, [silent]), [_NAME])
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    def _start(self, group: str, program: Program, arguments: list[str]) -> int:
        # The last of the actions: the descriptor may be one that those before it copy.
        entry = (os.POSIX_SPAWN_OPEN, _PROCS, f"{group}/cgroup.procs", os.O_WRONLY, 0)
        actions = [*program.file_actions, entry]
        file = f"/proc/self/fd/{self._file}"
        return start(Program(file, arguments, program.environment, actions))


def executable(machine: str) -> bytes:
    """Return the launcher as a file of the format that Linux executes (elf(5))."""
    number, code = _PROGRAMS[machine]
    address, header_bytes, segment_bytes = 0x400000, 64, 56
    content = code + b"0" + _TEXT
    code_at = header_bytes + 2 * segment_bytes
    size = code_at + len(content)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",  # 64 bits, little-endian, version 1
        2,  # ET_EXEC
        number,
        1,
        address + code_at,
        header_bytes,
        0,
        0,
        header_bytes,
        segment_bytes,
        2,
        0,
        0,
        0,
    )
    # PT_LOAD: all of it, to be read and executed. PT_GNU_STACK: nothing else is.
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, address, address, size, size, 0x10000)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack + content


def _reopened(writable: int) -> int:
    descriptor = os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    finally:
        os.close(descriptor)
