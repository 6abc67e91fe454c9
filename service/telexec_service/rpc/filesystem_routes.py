"""The `fs/*` methods: blocking work, done by a few threads."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, cast

from telexec_schemas import methods
from telexec_schemas.filesystem import (
    Copy,
    CreateDirectory,
    ReadBlock,
    ReadFile,
    Remove,
    WriteFile,
)
from telexec_schemas.method import Method
from telexec_service.config import FileLimits
from telexec_service.core.failure import RpcFailure
from telexec_service.filesystem.checkpoint import Checkpoint
from telexec_service.filesystem.content import read_file, write_file
from telexec_service.filesystem.copying import copy
from telexec_service.filesystem.directories import create_directory, read_directory
from telexec_service.filesystem.handles import FileHandles
from telexec_service.filesystem.metadata import canonicalize, get_metadata
from telexec_service.filesystem.paths import host_path
from telexec_service.filesystem.removal import remove
from telexec_service.filesystem.tree import walk
from telexec_service.rpc.encoding import encoded_block, encoded_content
from telexec_service.rpc.route import Encoded, Route, Routes, collect
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
            Route(methods.READ_FILE, self._read_file, at_once=1),
            _recorded(self._on_paths(methods.WRITE_FILE, write_file), _path),
            self._on_paths(methods.READ_DIRECTORY, read_directory, at_once=2),
            _recorded(self._on_paths(methods.CREATE_DIRECTORY, create_directory), _path),
            self._on_paths(methods.CANONICALIZE, canonicalize),
            _recorded(self._on_trees(methods.REMOVE, remove), _path),
            _recorded(self._on_trees(methods.COPY, copy), _two_paths),
            self._on_trees(methods.WALK, walk, at_once=2),
            self._on_handles(methods.OPEN, FileHandles.open_file),
            Route(methods.READ_BLOCK, self._read_block, is_frequent=True, at_once=8),
            self._on_handles(methods.CLOSE, FileHandles.close_file),
        )

    def _read_file(self, _session: Session, params: ReadFile) -> Coroutine[Any, Any, Encoded]:
        return self._run(lambda: encoded_content(read_file(params, self._limits)))

    def _read_block(self, session: Session, params: ReadBlock) -> Coroutine[Any, Any, Encoded]:
        return self._run(lambda: encoded_block(session.files.read_block(params)))

    def _on_paths(
        self,
        method: Method[Params, Result],
        operation: Callable[[Params, FileLimits], Result],
        *,
        at_once: int | None = None,
    ) -> Route[Params, Result]:
        def serve(_session: Session, params: Params) -> Coroutine[Any, Any, Result]:
            return self._run(lambda: operation(params, self._limits))

        return Route(method, serve, at_once=at_once)

    def _on_trees(
        self,
        method: Method[Params, Result],
        operation: Callable[[Params, FileLimits, Checkpoint], Result],
        *,
        at_once: int | None = None,
    ) -> Route[Params, Result]:
        def serve(_session: Session, params: Params) -> Coroutine[Any, Any, Result]:
            return self._run(lambda: operation(params, self._limits, self._checkpoint))

        return Route(method, serve, at_once=at_once)

    def _on_handles(
        self, method: Method[Params, Result], operation: Callable[[FileHandles, Params], Result]
    ) -> Route[Params, Result]:
        def serve(session: Session, params: Params) -> Coroutine[Any, Any, Result]:
            return self._run(lambda: operation(session.files, params))

        return Route(method, serve)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _recorded(
    route: Route[Params, Result], paths_of: Callable[[Params], Mapping[str, str]]
) -> Route[Params, Result]:
    """Return a route that also records in the audit log what is about to change, and a failure."""
    name = route.method.name

    async def serve(session: Session, params: Params) -> Result | Encoded:
        paths = paths_of(params)
        session.record_change(name, paths)
        try:
            return await _awaited(route.serve(session, params))
        except RpcFailure as failure:
            session.record_refused_change(name, paths, failure.reason)
            raise

    return Route(route.method, serve, at_once=route.at_once)


async def _awaited(outcome: Result | Coroutine[Any, Any, Result | Encoded]) -> Result | Encoded:
    if isinstance(outcome, Coroutine):
        return await cast("Coroutine[Any, Any, Result | Encoded]", outcome)
    return outcome


def _path(params: WriteFile | CreateDirectory | Remove) -> Mapping[str, str]:
    return {"path": host_path(params.path)}


def _two_paths(params: Copy) -> Mapping[str, str]:
    return {
        "path": host_path(params.source_path),
        "destination": host_path(params.destination_path),
    }
