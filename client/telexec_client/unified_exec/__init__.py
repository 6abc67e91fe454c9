"""Unified exec: commands of an agent that go on from one call to the next.

`UnifiedExec` has the calls, `ToolBox` the same as tools for a model.
"""

from telexec_client.unified_exec.core.result import CommandResult, tool_text
from telexec_client.unified_exec.entry import CommandEntry
from telexec_client.unified_exec.unified_exec import UnifiedExec

__all__ = ["CommandEntry", "CommandResult", "UnifiedExec", "tool_text"]
