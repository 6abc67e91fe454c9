"""The tools as a model is told of them, and what it says."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.errors import ToolArgumentsError, ToolUnknownError
from telexec_client.unified_exec.core.arguments import (
    TOOLS,
    ExecCommandArguments,
    WriteStdinArguments,
    decode_arguments,
)
from telexec_client.unified_exec.core.tool_schemas import tool_schemas

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(),
    "integer": st.integers(),
    "boolean": st.booleans(),
    "null": st.none(),
}


def calls(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Every object that a schema of ours allows."""
    members = {
        name: st.one_of(*(VALUES[kind] for kind in _types(described)))
        for name, described in schema["properties"].items()
    }
    required = {name: members.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(required, optional=members)


def _types(described: dict[str, Any]) -> list[str]:
    kind = described["type"]
    return [kind] if isinstance(kind, str) else kind


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("number", range(2))
@given(data=st.data())
def test_whatever_a_schema_allows_is_understood(
    data: st.DataObject, number: int, strict: bool
) -> None:
    tool = tool_schemas(strict=strict)[number]
    call = data.draw(calls(tool["parameters"]))
    decoded = decode_arguments(tool["name"], json.dumps(call))
    assert {name: getattr(decoded, name) for name in call} == call


def test_a_strict_schema_has_every_argument_and_nothing_else() -> None:
    for tool in tool_schemas():
        assert tool["strict"] is True
        parameters = tool["parameters"]
        assert parameters["required"] == list(parameters["properties"])
        assert parameters["additionalProperties"] is False


def test_every_tool_and_every_argument_is_described() -> None:
    for tool in tool_schemas(strict=False):
        assert tool["description"].endswith(".")
        assert "\n" not in tool["description"]
        for described in tool["parameters"]["properties"].values():
            assert described["description"].endswith(".")
        required = {"exec_command": ["cmd"], "write_stdin": ["session_id"]}
        assert tool["parameters"]["required"] == required[tool["name"]]


def test_the_schema_can_be_sent() -> None:
    assert json.loads(json.dumps(tool_schemas())) == tool_schemas()
    assert [tool["name"] for tool in tool_schemas()] == list(TOOLS)


def test_a_number_may_be_a_fraction_that_is_none_or_stand_in_a_string() -> None:
    assert decode_arguments("write_stdin", '{"session_id": "1234", "yield_time_ms": 500.0}') == (
        WriteStdinArguments(session_id=1234, yield_time_ms=500)
    )
    assert decode_arguments("exec_command", b'{"cmd": "null"}') == ExecCommandArguments(cmd="null")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("", "`cmd`"),
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"cmd": 1}', r"\$.cmd"),
        ('{"cmd": "x", "command": "y"}', "unknown field `command`; it takes cmd, workdir, shell"),
        ('{"cmd": "x", "yield_time_ms": 1.5}', r"\$.yield_time_ms"),
        ('{"cmd": "\\ud800"}', "it takes cmd"),
        (b'{"cmd": "\xff"}', "it takes cmd"),
        ("\ud800", "it takes cmd"),
    ],
)
def test_what_is_wrong_is_told_so_that_a_model_can_do_better(
    arguments: str | bytes, why: str
) -> None:
    with pytest.raises(ToolArgumentsError, match=why) as wrong:
        decode_arguments("exec_command", arguments)
    assert str(wrong.value).startswith("cannot use the arguments of exec_command: ")
    assert wrong.value.tool == "exec_command"


def test_a_tool_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(ToolUnknownError, match="exec_command and write_stdin"):
        decode_arguments("shell", "{}")


@given(st.text() | st.binary())
def test_nothing_that_a_model_says_is_anything_but_arguments_or_a_typed_error(
    arguments: str | bytes,
) -> None:
    with contextlib.suppress(ToolArgumentsError):
        decode_arguments("write_stdin", arguments)
