"""What a scenario plays on: it makes the same calls and keeps the answers, whoever gives them."""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests.harness.deadline import eventually_blocking
from tests.harness.scripted_model import Script, ToolCall, ToolResult, until_output

Step: TypeAlias = Generator[ToolCall, ToolResult, ToolResult]
"""One call, to be used with `yield from`; its value is what the model was told."""

_MASKED = (
    (r"^Chunk ID: [0-9a-f]{6}$", "Chunk ID: (any)"),
    (r"^Wall time: \d+\.\d{4} seconds$", "Wall time: (any)"),
    (r"^Process running with session ID \d+$", "Process running"),
)
_TOKEN_COUNT = (r"^Original token count: \d+$", "Original token count: (in several pieces)")


def _masked(text: str, *further: tuple[str, str]) -> str:
    """Return what a model was told without what is another with every run.

    Only the lines above the output are touched.
    """
    head, separator, output = text.partition("\nOutput:\n")
    for pattern, placeholder in (*_MASKED, *further):
        head = re.sub(pattern, placeholder, head, flags=re.MULTILINE)
    return head + separator + output


@dataclass
class Stage:
    """Where one scenario is played once.

    Attributes:
        directory: Empty at first, and the working directory of every command that names no other.
        moments: What the model was told, in order and comparable.
    """

    directory: Path
    moments: list[str] = field(default_factory=list[str])

    def exec_command(self, cmd: str, **arguments: Any) -> Step:
        """Run a command line."""
        result = yield self._exec_command(cmd, arguments)
        self.moments.append(_masked(result.text))
        return result

    def write_stdin(self, session_id: int, chars: str = "", **arguments: Any) -> Step:
        """Feed a running process; no characters poll it."""
        result = yield _write_stdin(session_id, chars, arguments)
        self.moments.append(_masked(result.text))
        return result

    def call(self, name: str, **arguments: Any) -> Step:
        """Call a tool with these arguments and no others."""
        result = yield ToolCall(name, arguments)
        self.moments.append(_masked(result.text))
        return result

    def exec_until(self, wanted: str, cmd: str, **arguments: Any) -> Step:
        """Run a command line until it has printed `wanted`; the answers count as one moment.

        Its yield time decides how often it must be polled on a slow machine, and nothing else.
        """
        result = yield self._exec_command(cmd, arguments)
        yield from self._gather(result, wanted)
        return result

    def write_until(self, wanted: str, session_id: int, chars: str, **arguments: Any) -> Step:
        """Feed a running process until it has printed `wanted`; the answers are one moment."""
        result = yield _write_stdin(session_id, chars, arguments)
        yield from self._gather(result, wanted)
        return result

    def note(self, text: str) -> None:
        """Keep something that was seen beside what the model was told."""
        self.moments.append(text)

    def make(self, name: str) -> None:
        """Make a file, for which a command waits."""
        (self.directory / name).touch()

    def await_file(self, name: str) -> None:
        """Wait for a file that a command makes."""
        eventually_blocking((self.directory / name).exists, what=f"the file {name}")

    def _exec_command(self, cmd: str, arguments: dict[str, Any]) -> ToolCall:
        return ToolCall("exec_command", {"cmd": cmd, "workdir": str(self.directory), **arguments})

    def _gather(self, result: ToolResult, wanted: str) -> Generator[ToolCall, ToolResult, None]:
        printed = yield from until_output(result, wanted)
        head = _masked(result.text, _TOKEN_COUNT).partition("\nOutput:\n")[0]
        self.moments.append(f"{head}\nOutput:\n{printed}")


def _write_stdin(session_id: int, chars: str, arguments: dict[str, Any]) -> ToolCall:
    return ToolCall("write_stdin", {"session_id": session_id, "chars": chars, **arguments})


def alive(result: ToolResult) -> int:
    """Return the session id of a process that must be alive."""
    assert result.session_id is not None, f"not alive: {result.text}"
    assert result.exit_code is None
    return result.session_id


def ended(result: ToolResult) -> int:
    """Return the exit code of a process that must have ended."""
    assert result.exit_code is not None, f"not ended: {result.text}"
    assert result.session_id is None
    return result.exit_code


@dataclass(frozen=True, slots=True)
class Difference:
    """Where our answer is another than Codex's, on purpose.

    Attributes:
        what: What differs, as in the first column of the table in `docs/unified_exec.md`.
        moment: Where, counted from 0.
        codex: A pattern for what Codex's answer has there, exactly once.
        ours: A pattern for what ours has in its place.
        why: A sentence.
    """

    what: str
    moment: int
    codex: str
    ours: str
    why: str


def differences(
    what: str, *moments: int, codex: str, ours: str, why: str
) -> tuple[Difference, ...]:
    """Return the same difference at several moments."""
    return tuple(Difference(what, moment, codex, ours, why) for moment in moments)


def wording(*moments: int, codex: str, ours: str) -> tuple[Difference, ...]:
    """Return that the same mistake is told in other words at some moments."""
    why = "Our words begin with what cannot be done, and say what to do."
    return differences("texts of failures", *moments, codex=codex, ours=ours, why=why)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that a model does with its tools.

    Attributes:
        differences: Where the answers differ.
        is_alone: Whether it is played with tools that nothing was done with before.
        is_of_our_host: Whether Codex's own exec-server does something else in it: it says 1 of
            whoever a signal killed on a terminal, for example.
    """

    play: Callable[[Stage], Script]
    differences: tuple[Difference, ...] = ()
    is_alone: bool = False
    is_of_our_host: bool = False

    @property
    def name(self) -> str:
        """What happens, as a sentence without spaces."""
        return self.play.__name__


def scenario(
    *differences: Difference, is_alone: bool = False, is_of_our_host: bool = False
) -> Callable[[Callable[[Stage], Script]], Scenario]:
    """Make a scenario of a function that plays it."""
    return lambda play: Scenario(play, differences, is_alone, is_of_our_host)
