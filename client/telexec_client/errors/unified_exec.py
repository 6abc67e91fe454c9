"""Errors of unified exec that a model can be told, to do better the next time."""

from collections.abc import Collection

from telexec_client.errors.base import TelexecError


class UnifiedExecError(TelexecError):
    """A call of unified exec did not do what was asked; nothing else is wrong."""


class ToolArgumentsError(UnifiedExecError):
    """What a model said are no arguments of the tool.

    Attributes:
        tool: The tool that was called.
    """

    def __init__(self, tool: str, why: str) -> None:
        super().__init__(f"cannot use the arguments of {tool}: {why}")
        self.tool = tool


class ToolUnknownError(UnifiedExecError):
    """There is no such tool."""

    def __init__(self, tool: str, tools: Collection[str]) -> None:
        super().__init__(f"cannot call {tool!r}: the tools are {' and '.join(tools)}")
        self.tool = tool


class CommandLineError(UnifiedExecError):
    """There is nothing to run in what was said."""

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot run a command: {why}")


class SessionUnknownError(UnifiedExecError):
    """No command has that session id: none ever had, or its end was told already.

    Attributes:
        session_id: What was asked for.
        live: The ones that there are.
    """

    def __init__(self, session_id: int, live: Collection[int]) -> None:
        there = f"there are {', '.join(map(str, sorted(live)))}" if live else "there is none"
        super().__init__(
            f"cannot find session {session_id}: it never was, or it has ended; {there}"
        )
        self.session_id = session_id
        self.live = tuple(sorted(live))


class TerminalMissingError(UnifiedExecError):
    """The command runs without a terminal, and so without input."""

    def __init__(self, session_id: int) -> None:
        super().__init__(
            f"cannot write to session {session_id}: it has no terminal and its stdin is closed;"
            " run the command again with tty=true"
        )
        self.session_id = session_id


class InputTooLargeError(UnifiedExecError):
    """More was to be written than one call may."""

    def __init__(self, session_id: int, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"cannot write {size_bytes} bytes to session {session_id} at once: write at most"
            f" {limit_bytes}"
        )
        self.session_id = session_id
        self.limit_bytes = limit_bytes


class InputStalledError(UnifiedExecError):
    """The command did not read its input in time; it may have got some of what was to be written.

    The session goes on.
    """

    def __init__(self, session_id: int, waited_s: float) -> None:
        super().__init__(
            f"cannot write all of the input to session {session_id}: the command did not read it"
            f" for {waited_s:g} s; poll it, interrupt it, or write less"
        )
        self.session_id = session_id


class CommandsExhaustedError(UnifiedExecError):
    """There are as many commands as there may be, and each is waited for by somebody."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"cannot run another command: {limit} are being waited for already")
        self.limit = limit


class CommandLostError(UnifiedExecError):
    """A command cannot be followed any more; its session is gone. The cause says why.

    Attributes:
        session_id: What it was called.
        output: What it wrote since the last result, as far as it came here.
    """

    def __init__(self, session_id: int, why: str, output: str) -> None:
        super().__init__(f"cannot follow session {session_id} any more: {why}")
        self.session_id = session_id
        self.output = output


class UnifiedExecClosedError(TelexecError):
    """It was closed, with all that it ran."""

    def __init__(self) -> None:
        super().__init__("cannot go on: unified exec is closed")
