"""A session on a host, for programs without an event loop."""

from collections.abc import Callable
from functools import cached_property
from typing import ParamSpec

import telexec_client.client as asynchronous
from telexec_client.core.opening import Opening
from telexec_client.sync.facade import Facade, HeldFacade, presented
from telexec_client.sync.files import Files
from telexec_client.sync.loop_thread import LoopThread
from telexec_client.sync.process import AttachedProcess, FollowedProcess, Process
from telexec_schemas.lifecycle import EnvironmentInfo, ExtensionGrant

P = ParamSpec("P")


class Client(HeldFacade):
    """See `telexec_client.Client`. Made by `connect`; leaving a `with` closes it."""

    def __init__(self, thread: LoopThread, client: asynchronous.Client) -> None:
        super().__init__(thread, client)
        self._client = client
        thread.on_close(client.close)

    @cached_property
    def files(self) -> Files:
        """The files of the host."""
        return Files(self._thread, self._client.files)

    @property
    def host(self) -> EnvironmentInfo:
        """What the host says of itself; directories are `file://` URIs."""
        return self._client.host

    @property
    def extensions(self) -> ExtensionGrant | None:
        """What the host offers beyond the base dialect; `None`: nothing."""
        return self._client.extensions

    @property
    def is_embedded(self) -> bool:
        """Whether the host is a service that was started for this client alone."""
        return self._client.is_embedded

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the host right now."""
        return self._client.is_connected

    @property
    def session_id(self) -> str:
        """Names the session on its host; who knows it can resume it."""
        return self._client.session_id

    @property
    def lease_s(self) -> float:
        """How long the host keeps the session without a connection; 0: it ends with it."""
        return self._client.lease_s

    run = Facade._waiting(asynchronous.Client.run)
    start = Facade._opening(asynchronous.Client.start, Process)
    explain_env = Facade._waiting(asynchronous.Client.explain_env)
    until_disconnected = Facade._waiting(asynchronous.Client.until_disconnected)
    until_connected = Facade._waiting(asynchronous.Client.until_connected)
    processes = Facade._waiting(asynchronous.Client.processes)
    sessions = Facade._waiting(asynchronous.Client.sessions)
    attach = Facade._opening(asynchronous.Client.attach, AttachedProcess)
    watch = Facade._opening(asynchronous.Client.watch, FollowedProcess)

    def detach(self) -> None:
        """Close the connection and leave the session, with all that runs, for its lease.

        Idempotent; `close` does nothing afterwards.
        """
        self._thread.close(self._client.detach)

    def close(self) -> None:
        """End the session with all that runs in it, and close the connection. Idempotent.

        In a forked process this does nothing.
        """
        self._thread.close()

    def _leave(self) -> None:
        self.close()


def _connecting(connect_: Callable[P, Opening[asynchronous.Client]]) -> Callable[P, Client]:
    def call(*args: P.args, **kwargs: P.kwargs) -> Client:
        opening_ = connect_(*args, **kwargs)
        thread = LoopThread()
        try:
            return Client(thread, thread.open(opening_))
        except BaseException:
            thread.close()
            raise

    return presented(call, connect_, Client)


connect = _connecting(asynchronous.connect)
connect_command = _connecting(asynchronous.connect_command)
