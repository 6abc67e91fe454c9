"""Who is compared."""

from collections.abc import Callable, Mapping

from benchmarks.subjects.asyncssh_server import AsyncSsh
from benchmarks.subjects.bare_websocket import BareWebSocket
from benchmarks.subjects.codex import Codex
from benchmarks.subjects.floor import Floor
from benchmarks.subjects.openssh import OpenSsh
from benchmarks.subjects.relay import Relay
from benchmarks.subjects.subject import Subject
from benchmarks.subjects.swerex import SweRex
from benchmarks.subjects.telexec import TelexecClient, TelexecLean, TelexecLeanBinary

SUBJECTS: Mapping[str, Callable[[], Subject]] = {
    "telexec": TelexecLean,
    "telexec-binary": TelexecLeanBinary,
    "telexec-client": TelexecClient,
    "codex": Codex,
    "openssh": OpenSsh,
    "asyncssh": AsyncSsh,
    "swerex": SweRex,
    "floor": Floor,
    "relay": Relay,
    "websocket": BareWebSocket,
}
"""By name, in the order of tables."""
