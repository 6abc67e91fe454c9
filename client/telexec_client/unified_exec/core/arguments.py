"""What a model may say in a call of the tools."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from telexec_client.errors import ToolArgumentsError, ToolUnknownError
from telexec_client.unified_exec.core.bounds import (
    BYTES_PER_TOKEN,
    DEFAULT_EXEC_YIELD_MS,
    DEFAULT_OUTPUT_TOKENS,
    DEFAULT_WRITE_YIELD_MS,
    MAX_OUTPUT_TOKENS,
    MAX_POLL_MS,
    MAX_YIELD_MS,
    MIN_POLL_MS,
    MIN_YIELD_MS,
)


def _between(least: int, most: int) -> dict[str, Any]:
    # Said in the schema only: what is outside is brought within, and no error.
    return {"minimum": least, "maximum": most}


_OutputTokens = Annotated[
    int | None,
    Meta(
        description=f"The most output to return, in tokens of {BYTES_PER_TOKEN} bytes; of more, the"
        f" middle is left out. Default {DEFAULT_OUTPUT_TOKENS}.",
        extra_json_schema=_between(0, MAX_OUTPUT_TOKENS),
    ),
]


class ExecCommandArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Run a command on the host.

    Returns its output and exit code if it ends within the yield time. Otherwise returns what it
    wrote so far and a session ID, with which write_stdin polls it or writes to it.
    """

    cmd: Annotated[str, Meta(description="The command line, for the shell.")]
    workdir: Annotated[
        str | None,
        Meta(description="The directory to run it in, absolute or relative to the default one."),
    ] = None
    shell: Annotated[
        str | None, Meta(description="The shell to run it with. Default: the host's own.")
    ] = None
    login: Annotated[
        bool | None,
        Meta(description="Whether the shell reads the profile of its user (-l). Default true."),
    ] = None
    tty: Annotated[
        bool | None,
        Meta(
            description="Whether it gets a terminal. Only then can anything but ^C be written to"
            " it. Default false."
        ),
    ] = None
    yield_time_ms: Annotated[
        int | None,
        Meta(
            description="How long to wait for its end, in milliseconds, before returning what there"
            f" is. Default {DEFAULT_EXEC_YIELD_MS}.",
            extra_json_schema=_between(MIN_YIELD_MS, MAX_YIELD_MS),
        ),
    ] = None
    max_output_tokens: _OutputTokens = None


class WriteStdinArguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Write to a running command, or poll it, and return what it wrote since the last time.

    Returns as soon as the command ends, with its exit code; its session ID is gone then.
    """

    session_id: Annotated[int, Meta(description="The session ID that exec_command returned.")]
    chars: Annotated[
        str | None,
        Meta(
            description="What to write, with control characters: \\u0003 is ^C, \\u0004 is ^D,"
            " \\n is Enter. Default: nothing, which polls."
        ),
    ] = None
    yield_time_ms: Annotated[
        int | None,
        Meta(
            description="How long to wait for output, in milliseconds. After writing,"
            f" {MIN_YIELD_MS} to {MAX_YIELD_MS}, default {DEFAULT_WRITE_YIELD_MS}. A poll waits for"
            f" the end of the command, {MIN_POLL_MS} to {MAX_POLL_MS}, default {MIN_POLL_MS}.",
            extra_json_schema=_between(MIN_YIELD_MS, MAX_POLL_MS),
        ),
    ] = None
    max_output_tokens: _OutputTokens = None


ToolArguments = ExecCommandArguments | WriteStdinArguments

TOOLS: dict[str, type[ToolArguments]] = {
    "exec_command": ExecCommandArguments,
    "write_stdin": WriteStdinArguments,
}
"""By the name that a model calls them."""


def decode_arguments(tool: str, arguments: str | bytes) -> ToolArguments:
    """Return what a model said, in JSON. A number may stand in a string, as some models have it.

    Raises:
        ToolUnknownError: There is no such tool.
        ToolArgumentsError: Its arguments are none; the text tells a model what to do better.
    """
    kind = TOOLS.get(tool)
    if kind is None:
        raise ToolUnknownError(tool, TOOLS)
    try:
        return msgspec.json.decode(arguments or "{}", type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeError) as error:
        # Of an argument that is not known, the message does not say which ones are.
        raise ToolArgumentsError(
            tool, f"{error}; it takes {', '.join(kind.__struct_fields__)}"
        ) from error
