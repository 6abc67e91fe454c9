"""Unified exec: commands of an agent that go on from one call to the next.

`UnifiedExec` has the calls, and `tool_schemas` tells a model of them.
"""

from telexec_client.unified_exec.core.result import CommandResult, tool_text
from telexec_client.unified_exec.core.tool_schemas import tool_schemas
from telexec_client.unified_exec.entry import CommandEntry
from telexec_client.unified_exec.unified_exec import UnifiedExec

__all__ = ["CommandEntry", "CommandResult", "UnifiedExec", "tool_schemas", "tool_text"]
