"""What docs/unified_exec.md shows runs, and its numbers are those of the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from telexec_client.unified_exec import CommandResult, command
from telexec_client.unified_exec.core import bounds
from tests.harness.deadline import DEADLINE_S
from tests.harness.server import Server, minimal_environment

PAGE = (Path(__file__).parents[3] / "docs/unified_exec.md").read_text()


def test_the_example_runs_a_program_to_its_end(tokened_service: Server, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    token_file = tmp_path / "token"
    token_file.write_text(str(tokened_service.token))
    example = example.replace("ws://127.0.0.1:7333", tokened_service.url)
    example = example.replace("/home/me/.telexec-token", str(token_file))
    done = subprocess.run(
        [sys.executable, "-c", example],
        env=minimal_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("what", "numbers"),
    [
        ("yield time of `exec_command`", ["250 ms", "30 s", "10 s"]),
        ("yield time of `write_stdin` with `chars`", ["250 ms", "30 s", "250 ms"]),
        ("yield time of a poll", ["5 s", "300 s", "5 s"]),
    ],
)
def test_the_documented_yield_times_are_those_that_hold(what: str, numbers: list[str]) -> None:
    clamp = {
        "yield time of `exec_command`": bounds.clamp_exec_yield_ms,
        "yield time of `write_stdin` with `chars`": lambda ms: bounds.clamp_write_yield_ms(
            ms, is_poll=False
        ),
        "yield time of a poll": lambda ms: bounds.clamp_write_yield_ms(ms, is_poll=True),
    }[what]
    held = [clamp(-1), clamp(10**9), clamp(None)]
    assert [_ms(number) for number in numbers] == held
    (row,) = re.findall(rf"^\| {re.escape(what)} \| (.*) \|$", PAGE, re.MULTILINE)
    assert [cell.split(",")[0] for cell in row.split(" | ")] == numbers


def test_the_other_documented_bounds_are_those_that_hold() -> None:
    assert f"| {bounds.MAX_COMMANDS}, see below |" in PAGE
    assert f"but the {_word(bounds.SPARED_COMMANDS)} that were used last" in PAGE
    assert bounds.BUFFER_BYTES == bounds.MAX_INPUT_BYTES == 1024 * 1024
    assert f"| 0 | {bounds.MAX_OUTPUT_TOKENS:,}, or" in PAGE
    assert f"| {bounds.DEFAULT_OUTPUT_TOKENS:,} |" in PAGE
    assert f"| {command.INPUT_TIMEOUT_S:g} s: `InputStalledError`" in PAGE
    assert f"left to\nitself after {command.EXIT_GRACE_S:g} s" in PAGE
    assert f"always {command.WRITE_REACTION_S * 1000:g} ms more" in PAGE


def test_every_field_of_a_result_is_documented() -> None:
    for field in CommandResult.__struct_fields__:
        assert f"`{field}`" in PAGE


def _ms(text: str) -> int:
    number, unit = text.split()
    return int(number) * {"ms": 1, "s": 1000}[unit]


def _word(number: int) -> str:
    return {8: "eight"}[number]
