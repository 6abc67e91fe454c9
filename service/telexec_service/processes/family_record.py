"""Ending what services before this one have left behind, killed together with their guardians.

It has their marks, but nobody else says of a mark that its service is dead: they are recorded.
"""

import fcntl
import os
import re
import time
from typing import Any

from telexec_service.processes.guardian_program import end_family
from telexec_service.processes.marks import Marks

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_RECORD = re.compile(r"([0-9a-f-]{36})\.([0-9a-f]{8})")
_ATTEMPTS = 100
_RETRY_S = 0.01


class FamilyRecord:
    """A file that says which family a service has, and is locked (flock(2)) as long as it lives.

    One that nobody has locked is of a service that is dead. Nothing else says so with certainty: a
    pid may be another process's by now, and what cannot be seen may be in another namespace.

    Args:
        directory: Of this user's services; it is made if it is not there.
        log: A structlog logger.
    """

    def __init__(self, directory: str, marks: Marks, log: Any) -> None:
        self._directory = directory
        self._marks = marks
        self._log = log
        self._path = ""
        self._lock = -1
        if not marks.are_kept:
            return
        try:
            with open(_BOOT_ID, encoding="ascii") as file:
                boot_id = file.read().strip()
            os.makedirs(directory, mode=0o700, exist_ok=True)
            self._sweep(boot_id)
            self._make(f"{directory}/{boot_id}.{marks.family:08x}")
        except OSError as error:
            log.info("family.unrecorded", directory=directory, error=error.strerror)

    def close(self) -> None:
        """Remove the file: nothing is left of the family. Idempotent."""
        if self._lock >= 0:
            _remove(self._path)
            os.close(self._lock)
            self._lock = -1

    def _make(self, path: str) -> None:
        for _ in range(_ATTEMPTS):
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            if _try_to_lock(lock) and _is_at(path, lock):
                self._path, self._lock = path, lock
                return
            # Another service that starts just now took it for one that was left behind.
            os.close(lock)
            time.sleep(_RETRY_S)
        raise TimeoutError(0, "another service removes what this one makes")

    def _sweep(self, boot_id: str) -> None:
        for name in os.listdir(self._directory):
            record = _RECORD.fullmatch(name)
            if record is None:
                continue
            path = f"{self._directory}/{name}"
            try:
                lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            except (FileNotFoundError, PermissionError):
                continue  # it has just ended, or it is another user's
            try:
                family = int(record[2], 16)
                if self._is_left(family, lock):
                    # What ran before the host was started is gone.
                    if record[1] == boot_id:
                        self._end(family)
                    _remove(path)
            finally:
                os.close(lock)

    def _is_left(self, family: int, lock: int) -> bool:
        # This service itself may have been started by what was left behind.
        own = self._marks.own_mark
        is_own = own is not None and own.family == family
        return not is_own and os.fstat(lock).st_uid == os.geteuid() and _try_to_lock(lock)

    def _end(self, family: int) -> None:
        pids = end_family(family)
        if pids:
            self._log.warning("processes.swept", pids=sorted(pids))


def _try_to_lock(descriptor: int) -> bool:
    """Lock a file; False if somebody else has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return  # another service took it for one that was left behind
