"""What a call came to, and how a model is told."""

import msgspec

from telexec_client.errors import CommandLostError, TelexecError
from telexec_client.unified_exec.core.transcript import Excerpt, loss_marker, omission_marker
from telexec_client.unified_exec.core.truncation import (
    count_lines,
    tokens_of_bytes,
    truncate_middle,
)


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did until a call returned.

    Attributes:
        output: What it wrote since the last result, within the budget of the call. Where something
            is missing, a marker says how much.
        exit_code: How it ended, 128+N after death by signal N; `None`: it runs.
        session_id: What to write to and poll it by; `None`: it has ended, and this is the last of
            it.
        wall_time_s: How long the call took.
        original_token_count: How much output there was, in tokens, with what is not in `output`.
        omitted_bytes: How much of it was more than the buffer holds between two results.
        lost_bytes: How much was lost on its way from the host; `None`: some, nobody knows how much.
        is_truncated: Whether the budget of the call was too small for what there was.
        chunk_id: Tells this result from others in a log.
    """

    output: str
    exit_code: int | None
    session_id: int | None
    wall_time_s: float
    original_token_count: int
    omitted_bytes: int = 0
    lost_bytes: int | None = 0
    is_truncated: bool = False
    chunk_id: str = ""


def result_of(
    excerpt: Excerpt,
    *,
    max_tokens: int,
    exit_code: int | None,
    session_id: int | None,
    wall_time_s: float,
    chunk_id: str,
) -> CommandResult:
    """Return the result that shows an excerpt, within `max_tokens`."""
    shown = truncate_middle(excerpt.text, max_tokens)
    is_truncated = shown != excerpt.text
    tokens = tokens_of_bytes(excerpt.total_bytes)
    output = shown.decode()
    if is_truncated:
        output = _preface(excerpt, output, tokens) + output
    return CommandResult(
        output=output,
        exit_code=exit_code,
        session_id=session_id,
        wall_time_s=wall_time_s,
        original_token_count=tokens,
        omitted_bytes=excerpt.omitted_bytes,
        lost_bytes=excerpt.lost_bytes,
        is_truncated=is_truncated,
        chunk_id=chunk_id,
    )


def tool_text(result: CommandResult) -> str:
    """Return the text that a model is given for a result, as Codex writes it."""
    lines = [f"Chunk ID: {result.chunk_id}"] if result.chunk_id else []
    lines.append(f"Wall time: {result.wall_time_s:.4f} seconds")
    if result.exit_code is not None:
        lines.append(f"Process exited with code {result.exit_code}")
    if result.session_id is not None:
        lines.append(f"Process running with session ID {result.session_id}")
    lines.append(f"Original token count: {result.original_token_count}")
    lines += ["Output:", result.output]
    return "\n".join(lines)


def failure_text(tool: str, error: TelexecError) -> str:
    """Return the text that a model is given for a call that failed."""
    text = f"{tool} failed: {error}"
    if isinstance(error, CommandLostError) and error.output:
        text += f"\nOutput:\n{error.output}"
    return text


def _preface(excerpt: Excerpt, shown: str, tokens: int) -> str:
    """Return what stands above a truncated output, with the markers that were cut out of it."""
    lines = [f"Warning: truncated output (original token count: {tokens})"]
    markers: list[str] = []
    if excerpt.omitted_bytes > 0:
        markers.append(omission_marker(excerpt.omitted_bytes))
    if excerpt.gaps:
        markers.append(loss_marker(excerpt.lost_bytes))
    if markers:
        lines += [marker for marker in markers if marker not in shown]
    else:
        lines.append(f"Total output lines: {count_lines(excerpt.text.decode())}")
    return "\n".join(lines) + "\n\n"
