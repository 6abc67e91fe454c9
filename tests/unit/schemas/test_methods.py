from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas import methods
from telexec_schemas.method import Method, Notification, encode

CALLS: dict[str, Method[Any, Any]] = {
    key: value for key, value in vars(methods).items() if isinstance(value, Method)
}
NOTICES: dict[str, Notification[Any]] = {
    key: value for key, value in vars(methods).items() if isinstance(value, Notification)
}

DIALECT_CALLS = {
    "initialize",
    "environment/info",
    "process/start",
    "process/read",
    "process/write",
    "process/signal",
    "process/terminate",
    "fs/getMetadata",
    "fs/readFile",
    "fs/writeFile",
    "fs/readDirectory",
    "fs/createDirectory",
    "fs/canonicalize",
    "fs/remove",
    "fs/copy",
    "fs/walk",
    "fs/open",
    "fs/readBlock",
    "fs/close",
}
DIALECT_NOTICES = {"initialized", "process/output", "process/exited", "process/closed"}


def test_no_two_methods_have_the_same_name() -> None:
    names = [method.name for method in (*CALLS.values(), *NOTICES.values())]
    assert len(set(names)) == len(names)


def test_everything_of_the_dialect_is_there_under_its_name() -> None:
    assert {method.name for method in CALLS.values()} >= DIALECT_CALLS
    assert {notice.name for notice in NOTICES.values()} >= DIALECT_NOTICES


@pytest.mark.parametrize("key", CALLS | NOTICES)
def test_a_method_is_called_in_code_as_it_is_on_the_wire(key: str) -> None:
    noun, _, verb = (CALLS | NOTICES)[key].name.rpartition("/")
    snake = "".join(f"_{char}" if char.isupper() else char for char in verb).upper()
    has_noun = noun in {"environment", "session"}
    assert key == (f"{noun.upper()}_{snake}" if has_noun else snake)


@pytest.mark.parametrize("method", [*CALLS.values(), *NOTICES.values()], ids=lambda it: it.name)
def test_members_are_in_camel_case_and_unknown_ones_are_ignored(
    method: Method[Any, Any] | Notification[Any],
) -> None:
    types = [method.params, method.result] if isinstance(method, Method) else [method.params]
    for message in types:
        for field in msgspec.structs.fields(message):
            assert "_" not in field.encode_name
            assert field.encode_name[0].islower()
        assert not message.__struct_config__.forbid_unknown_fields
        assert message.__struct_config__.frozen


WIRE: dict[str, dict[str, Any]] = {
    "fs/getMetadata": {"path": "file:///a", "sandbox": None},
    "fs/readFile": {"path": "file:///a", "sandbox": None},
    "fs/writeFile": {"path": "file:///a", "dataBase64": "aGVsbG8=", "sandbox": None},
    "fs/readDirectory": {"path": "file:///a", "sandbox": None},
    "fs/createDirectory": {"path": "file:///a", "recursive": True, "sandbox": None},
    "fs/canonicalize": {"path": "file:///a", "sandbox": None},
    "fs/remove": {"path": "file:///a", "recursive": True, "force": True, "sandbox": None},
    "fs/copy": {
        "sourcePath": "file:///a",
        "destinationPath": "file:///b",
        "recursive": False,
        "sandbox": None,
    },
    "fs/walk": {
        "path": "file:///a",
        "options": {
            "maxDepth": 1,
            "maxDirectories": 2,
            "maxEntries": 3,
            "followDirectorySymlinks": True,
        },
        "sandbox": None,
    },
    "fs/open": {"handleId": "h", "path": "file:///a", "sandbox": None},
    "fs/readBlock": {"handleId": "h", "offset": 0, "len": 1},
    "fs/close": {"handleId": "h"},
    "initialize": {"clientName": "c", "resumeSessionId": None},
    "process/write": {"processId": "p", "chunk": "aGk=", "writeId": "w"},
    "process/signal": {"processId": "p", "signal": "interrupt"},
    "process/terminate": {"processId": "p"},
    "process/read": {"processId": "p", "afterSeq": 1, "maxBytes": 2, "waitMs": 3},
}
"""Params as a peer of the dialect writes them."""


@pytest.mark.parametrize("name", WIRE)
def test_params_as_a_peer_writes_them_are_read_and_written_alike(name: str) -> None:
    method = next(call for call in CALLS.values() if call.name == name)
    params = method.decode_params(msgspec.json.encode(WIRE[name]))
    assert msgspec.json.decode(encode(params)) == WIRE[name]


@given(content=st.binary())
def test_bytes_travel_as_base64(content: bytes) -> None:
    wire = encode(methods.READ_FILE.result(content))
    assert methods.READ_FILE.decode_result(wire).content == content


@pytest.mark.parametrize("name", WIRE)
def test_params_that_lack_a_member_are_refused_by_its_name(name: str) -> None:
    method = next(call for call in CALLS.values() if call.name == name)
    required = next(field for field in msgspec.structs.fields(method.params) if field.required)
    params = {key: value for key, value in WIRE[name].items() if key != required.encode_name}
    with pytest.raises(msgspec.ValidationError, match=f"`{required.encode_name}`"):
        method.decode_params(msgspec.json.encode(params))
