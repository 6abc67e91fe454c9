"""Starting a child in a cgroup from its first moment on, where the C library can (glibc 2.39).

It is `os.posix_spawn` with the attribute that Python does not know, POSIX_SPAWN_SETCGROUP. To
enter a cgroup later makes the kernel wait until no process is starting anywhere, for milliseconds.
"""

import ctypes
import errno
import os
from typing import Any

from telexec_service.processes.starting import DEFAULT_SIGNALS, Program

# <spawn.h> and <signal.h> of glibc; the sizes are larger than those of any machine.
_SETSIGDEF, _SETSIGMASK, _SETSID, _SETCGROUP = 0x04, 0x08, 0x80, 0x100
_ATTRIBUTES_BYTES = 1024
_ACTIONS_BYTES = 256
_SIGNALS_BYTES = 256


class CloneUnavailableError(Exception):
    """The C library or the kernel cannot; the text says which."""


class CloneInto:
    """Starts children in cgroups.

    Raises:
        CloneUnavailableError: This C library cannot.
    """

    def __init__(self) -> None:
        # The interpreter lock is kept, as by `os.posix_spawn`: what is laid for a child meanwhile
        # (its directory, its mark) holds for this whole process.
        self._libc: Any = ctypes.PyDLL(None)
        try:
            self._set_cgroup = self._libc.posix_spawnattr_setcgroup_np
        except AttributeError as error:
            raise CloneUnavailableError("this C library is older than glibc 2.39") from error
        self._attributes = ctypes.create_string_buffer(_ATTRIBUTES_BYTES)
        self._check(self._libc.posix_spawnattr_init(self._attributes))
        flags = _SETSIGDEF | _SETSIGMASK | _SETSID | _SETCGROUP
        self._check(self._libc.posix_spawnattr_setflags(self._attributes, ctypes.c_short(flags)))
        signals = ctypes.create_string_buffer(_SIGNALS_BYTES)
        self._libc.sigemptyset(signals)
        self._check(self._libc.posix_spawnattr_setsigmask(self._attributes, signals))
        for number in DEFAULT_SIGNALS:
            self._libc.sigaddset(signals, int(number))
        self._check(self._libc.posix_spawnattr_setsigdefault(self._attributes, signals))

    def close(self) -> None:
        """Hold nothing; as a launcher does."""

    def try_entering(self, group: str) -> bool:
        """Return whether a child can be started in a cgroup."""
        try:
            directory = os.open(group, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self.start(group, directory, Program("/dev/null/none", ["none"], {}, ()))
            finally:
                os.close(directory)
        except NotADirectoryError:
            # The child was there, and found no program.
            return True
        except OSError:
            return False
        raise RuntimeError("a program was executed that cannot be there")

    def start(self, group: str, directory: int, program: Program) -> int:
        """Start a program in a cgroup, also given as a descriptor, and return its pid.

        Raises:
            OSError: It cannot be started, or not there.
        """
        pid = ctypes.c_int()
        variables = [
            b"%s=%s" % (os.fsencode(name), os.fsencode(value))
            for name, value in program.environment.items()
        ]
        del group
        actions = ctypes.create_string_buffer(_ACTIONS_BYTES)
        self._check(self._libc.posix_spawn_file_actions_init(actions))
        try:
            for action in program.file_actions:
                self._check(self._add(actions, *action))
            self._check(self._set_cgroup(self._attributes, directory))
            number = self._libc.posix_spawn(
                ctypes.byref(pid),
                os.fsencode(program.file),
                actions,
                self._attributes,
                _strings([os.fsencode(it) for it in program.arguments]),
                _strings(variables),
            )
        finally:
            self._libc.posix_spawn_file_actions_destroy(actions)
        self._check(number, program.file)
        return pid.value

    def _add(self, actions: Any, kind: int | str, *details: int | str) -> int:
        if kind == os.POSIX_SPAWN_DUP2:
            added = self._libc.posix_spawn_file_actions_adddup2(actions, *details)
        elif kind == os.POSIX_SPAWN_OPEN:
            descriptor, path, flags, mode = details
            added = self._libc.posix_spawn_file_actions_addopen(
                actions, descriptor, os.fsencode(str(path)), flags, mode
            )
        else:
            added = errno.EINVAL
        return int(added)

    def _check(self, number: int, file: str | None = None) -> None:
        if number:
            raise OSError(number, os.strerror(number), file)


def _strings(texts: list[bytes]) -> Any:
    """Return an array of strings with a NULL behind it."""
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
