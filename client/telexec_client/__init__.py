"""The telexec client: run processes on another machine.

Names are loaded when they are first used: `import telexec_client` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telexec_client.client import Client, connect, connect_command
    from telexec_client.completed import CompletedProcess, CompletedText
    from telexec_client.environment import (
        HOST_POLICY,
        UNIFIED_EXEC,
        EnvironmentDelta,
        HostPolicy,
        PolicyChoice,
        overlay_of,
        proxy_variables,
        sandbox_markers,
        thread_ids,
    )
    from telexec_client.errors import TelexecError
    from telexec_client.filesystem import Files, OpenFile, Tree, TreeEntry
    from telexec_client.process import FollowedProcess, OutputPiece, OutputStream, Process
    from telexec_schemas.attachment import ProcessEntry, ProcessList
    from telexec_schemas.environment import (
        EnvironmentExplanation,
        EnvironmentSummary,
        ExplainedVariable,
        RuledVariable,
    )
    from telexec_schemas.environment_policy import EnvironmentPolicy
    from telexec_schemas.process import ProcessLimits, TerminalSize, Usage
    from telexec_schemas.session import SessionEntry, SessionList

__all__ = [
    "HOST_POLICY",
    "UNIFIED_EXEC",
    "Client",
    "CompletedProcess",
    "CompletedText",
    "EnvironmentDelta",
    "EnvironmentExplanation",
    "EnvironmentPolicy",
    "EnvironmentSummary",
    "ExplainedVariable",
    "Files",
    "FollowedProcess",
    "HostPolicy",
    "OpenFile",
    "OutputPiece",
    "OutputStream",
    "PolicyChoice",
    "Process",
    "ProcessEntry",
    "ProcessLimits",
    "ProcessList",
    "RuledVariable",
    "SessionEntry",
    "SessionList",
    "TelexecError",
    "TerminalSize",
    "Tree",
    "TreeEntry",
    "Usage",
    "connect",
    "connect_command",
    "overlay_of",
    "proxy_variables",
    "sandbox_markers",
    "thread_ids",
]

_HOMES = {
    "telexec_client.client": ("Client", "connect", "connect_command"),
    "telexec_client.completed": ("CompletedProcess", "CompletedText"),
    "telexec_client.environment": (
        "HOST_POLICY",
        "UNIFIED_EXEC",
        "EnvironmentDelta",
        "HostPolicy",
        "PolicyChoice",
        "overlay_of",
        "proxy_variables",
        "sandbox_markers",
        "thread_ids",
    ),
    "telexec_client.errors": ("TelexecError",),
    "telexec_client.filesystem": ("Files", "OpenFile", "Tree", "TreeEntry"),
    "telexec_client.process": ("FollowedProcess", "OutputPiece", "OutputStream", "Process"),
    "telexec_schemas.attachment": ("ProcessEntry", "ProcessList"),
    "telexec_schemas.environment": (
        "EnvironmentExplanation",
        "EnvironmentSummary",
        "ExplainedVariable",
        "RuledVariable",
    ),
    "telexec_schemas.environment_policy": ("EnvironmentPolicy",),
    "telexec_schemas.process": ("ProcessLimits", "TerminalSize", "Usage"),
    "telexec_schemas.session": ("SessionEntry", "SessionList"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
