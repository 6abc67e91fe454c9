"""Polling a command as a model does."""

from telexec_client.unified_exec import CommandResult, UnifiedExec


async def until_output(unified: UnifiedExec, result: CommandResult, wanted: str) -> str:
    """Poll until a command has written something; return what it wrote from `result` on."""
    written = result.output
    while wanted not in written:
        assert result.session_id is not None, f"it ended without {wanted!r}: {written!r}"
        result = await unified.write_stdin(result.session_id)
        written += result.output
    return written
