"""Subjects whose server is a process of ours."""

from benchmarks.subjects.server_process import ServerProcess
from benchmarks.subjects.subject import Subject


class ServedSubject(Subject):
    """Holds the server that `start` has started."""

    def __init__(self) -> None:
        self._server: ServerProcess | None = None

    def check(self) -> None:
        pass

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def server_pids(self) -> list[int]:
        return [self._server.pid] if self._server is not None else []
