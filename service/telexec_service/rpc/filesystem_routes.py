"""The `fs/*` methods: blocking work, done by a few threads."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

from telexec_schemas import methods
from telexec_schemas.method import Method
from telexec_service.config import FileLimits
from telexec_service.filesystem.checkpoint import Checkpoint
from telexec_service.filesystem.content import read_file, write_file
from telexec_service.filesystem.copying import copy
from telexec_service.filesystem.directories import create_directory, read_directory
from telexec_service.filesystem.handles import FileHandles
from telexec_service.filesystem.metadata import canonicalize, get_metadata
from telexec_service.filesystem.removal import remove
from telexec_service.filesystem.tree import walk
from telexec_service.rpc.route import Route, Routes, collect
from telexec_service.sessions.session import Session

Params = TypeVar("Params")
Result = TypeVar("Result")


class FilesystemRoutes:
    """Serves files.

    Args:
        threads: Where the work is done; what was begun is finished even if nobody waits any more.
        checkpoint: Stops what may take long.
    """

    def __init__(self, threads: Executor, limits: FileLimits, checkpoint: Checkpoint) -> None:
        self._threads = threads
        self._limits = limits
        self._checkpoint = checkpoint

    def routes(self) -> Routes:
        """Return the routes."""
        return collect(
            self._on_paths(methods.GET_METADATA, get_metadata),
            self._on_paths(methods.READ_FILE, read_file),
            self._on_paths(methods.WRITE_FILE, write_file),
            self._on_paths(methods.READ_DIRECTORY, read_directory),
            self._on_paths(methods.CREATE_DIRECTORY, create_directory),
            self._on_paths(methods.CANONICALIZE, canonicalize),
            self._on_trees(methods.REMOVE, remove),
            self._on_trees(methods.COPY, copy),
            self._on_trees(methods.WALK, walk),
            self._on_handles(methods.OPEN, FileHandles.open_file),
            self._on_handles(methods.READ_BLOCK, FileHandles.read_block, is_frequent=True),
            self._on_handles(methods.CLOSE, FileHandles.close_file),
        )

    def _on_paths(
        self, method: Method[Params, Result], operation: Callable[[Params, FileLimits], Result]
    ) -> Route[Params, Result]:
        def serve(_session: Session, params: Params) -> Coroutine[Any, Any, Result]:
            return self._run(lambda: operation(params, self._limits))

        return Route(method, serve)

    def _on_trees(
        self,
        method: Method[Params, Result],
        operation: Callable[[Params, FileLimits, Checkpoint], Result],
    ) -> Route[Params, Result]:
        def serve(_session: Session, params: Params) -> Coroutine[Any, Any, Result]:
            return self._run(lambda: operation(params, self._limits, self._checkpoint))

        return Route(method, serve)

    def _on_handles(
        self,
        method: Method[Params, Result],
        operation: Callable[[FileHandles, Params], Result],
        *,
        is_frequent: bool = False,
    ) -> Route[Params, Result]:
        def serve(session: Session, params: Params) -> Coroutine[Any, Any, Result]:
            return self._run(lambda: operation(session.files, params))

        return Route(method, serve, is_frequent=is_frequent)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
