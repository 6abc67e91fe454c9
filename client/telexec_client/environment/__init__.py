"""Environments as an orchestrator thinks of them: pure, nothing here reads its own environment."""

from telexec_client.environment.choice import HOST_POLICY, HostPolicy, PolicyChoice
from telexec_client.environment.delta import EnvironmentDelta
from telexec_client.environment.overlay import overlay_of
from telexec_client.environment.proxy import proxy_variables
from telexec_client.environment.sandbox import sandbox_markers
from telexec_client.environment.thread import thread_ids
from telexec_client.environment.unified_exec import UNIFIED_EXEC

__all__ = [
    "HOST_POLICY",
    "UNIFIED_EXEC",
    "EnvironmentDelta",
    "HostPolicy",
    "PolicyChoice",
    "overlay_of",
    "proxy_variables",
    "sandbox_markers",
    "thread_ids",
]
