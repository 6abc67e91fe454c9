"""Whatever a peer gets wrong, it is told what; the connection goes on where the dialect says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness import programs
from tests.harness.raw_peer import FULL_POLICY, PeerError, RawPeer, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service


async def still_works(peer: RawPeer) -> bool:
    """Tell whether a process can be started on a connection and ends."""
    return await (await peer.start(programs.succeed())).exit_code() == 0


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        "",
        "[1]",
        "3",
        "null",
        '"text"',
        "{}",
        '{"id": 4}',
        '{"id": null, "method": "environment/info"}',
        '{"id": 1.5, "method": "environment/info"}',
        '{"id": true, "method": "environment/info"}',
        '{"id": 6, "method": 5}',
        '{"id": 6, "method": "environment/info"',
        '{"method": "initialized"} {"method": "initialized"}',
        b"\xff\xfe",
        b'{"id": 1, "method": "\xff"}',
        "[" * 100_000,
    ],
    ids=lambda frame: str(frame[:40]),
)
async def test_a_frame_that_is_no_message_is_answered_and_the_connection_goes_on(
    peer: RawPeer, frame: str | bytes
) -> None:
    error = await peer.refusal_of_frame(frame)
    assert (error.code, error.reason) == (-32600, "malformedFrame")
    assert error.message.startswith("cannot ")
    assert await still_works(peer)


async def test_a_line_that_is_no_message_is_answered_on_any_transport(any_peer: RawPeer) -> None:
    assert (await any_peer.refusal_of_frame("not json")).code == -32600
    assert await still_works(any_peer)


async def test_an_unknown_method_is_answered(any_peer: RawPeer) -> None:
    error = await any_peer.refusal("no/such/method", {"a": 1})
    assert (error.code, error.reason) == (-32601, "methodUnknown")
    assert "no/such/method" in error.message
    assert await still_works(any_peer)


async def test_an_unknown_notification_ends_the_connection(peer: RawPeer) -> None:
    await peer.notify("no/such")
    await peer.until_ended()


async def test_an_answer_that_nobody_asked_for_ends_the_connection(peer: RawPeer) -> None:
    await peer.send({"id": 1, "result": {}})
    await peer.until_ended()


START: Mapping[str, Any] = {
    "processId": "p",
    "argv": ["/bin/true"],
    "cwd": "file:///",
    "env": {},
    "tty": False,
}


@pytest.mark.parametrize("missing", START)
async def test_a_missing_field_is_named(peer: RawPeer, missing: str) -> None:
    params = {name: value for name, value in START.items() if name != missing}
    error = await peer.refusal("process/start", params)
    assert (error.code, error.reason) == (-32602, "paramsInvalid")
    assert missing in error.message
    assert await still_works(peer)


@pytest.mark.parametrize(
    "wrong",
    [
        {"argv": "/bin/true"},
        {"argv": [1]},
        {"argv": None},
        {"argv": []},
        {"cwd": 5},
        {"env": []},
        {"env": {"A": 1}},
        {"tty": None},
        {"tty": "yes"},
        {"pipeStdin": 1},
        {"processId": 5},
        {"envPolicy": {**FULL_POLICY, "inherit": "some"}},
        {"envPolicy": "all"},
        {"size": {"rows": 0, "columns": 80}},
        {"timeoutMs": -1},
        {"cwd": "/"},
        {"cwd": "http://host/"},
        {"cwd": ""},
        {"cwd": "file:///?query"},
        {"cwd": "file:///#fragment"},
        {"cwd": "file:///a%00b"},
    ],
    ids=json.dumps,
)
async def test_a_wrong_value_is_answered(peer: RawPeer, wrong: Mapping[str, Any]) -> None:
    error = await peer.refusal("process/start", {**START, **wrong})
    assert error.code == -32602
    assert error.message.startswith("cannot ")
    assert await still_works(peer)


@pytest.mark.parametrize("params", [[], "text", 5, [1, 2]], ids=json.dumps)
async def test_params_that_are_no_object_are_answered(peer: RawPeer, params: Any) -> None:
    assert (await peer.refusal("process/read", params)).code == -32602
    assert await still_works(peer)


async def test_a_path_on_another_host_is_refused(peer: RawPeer) -> None:
    error = await peer.refusal("process/start", {**START, "cwd": "file://elsewhere/tmp"})
    assert error.code in {-32600, -32602}
    assert error.reason == "pathInvalid"
    assert (await peer.start(["/bin/true"], cwd="file://localhost/")).started


@pytest.mark.parametrize(
    ("wrong", "code", "reason"),
    [
        ({"argv": ["/no/such/program"]}, -32603, "programNotFound"),
        ({"argv": ["no-such-program"]}, -32603, "programNotFound"),
        ({"argv": [""]}, -32603, "programNotFound"),
        ({"argv": ["/etc"]}, -32603, "programNotExecutable"),
        ({"argv": ["/etc/passwd"]}, -32603, "programNotExecutable"),
        ({"argv": ["/etc/passwd/true"]}, -32603, "programNotFound"),
        ({"argv": ["/bin/true", "a\0b"]}, -32602, "argumentsInvalid"),
        ({"arg0": "a\0b"}, -32602, "argumentsInvalid"),
        ({"cwd": "file:///no/such/directory"}, -32603, "cwdNotFound"),
        ({"cwd": "file:///etc/passwd"}, -32603, "cwdNotDirectory"),
        ({"env": {"A": "x\0y"}}, -32602, "environmentInvalid"),
        ({"env": {"A\0B": "x"}}, -32602, "environmentInvalid"),
        ({"env": {"": "x"}}, -32602, "environmentInvalid"),
        ({"env": {"A=B": "x"}}, -32602, "environmentInvalid"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else str(value),
)
@pytest.mark.parametrize("tty", [False, True], ids=["pipes", "pty"])
async def test_a_start_that_cannot_be_says_why(
    peer: RawPeer, wrong: Mapping[str, Any], code: int, reason: str, *, tty: bool
) -> None:
    error = await peer.refusal("process/start", {**START, "tty": tty, **wrong})
    assert (error.code, error.reason) == (code, reason), error
    assert error.message.startswith("cannot ")
    # The name is free again: nothing was started.
    assert (await peer.start(["/bin/true"], processId="p")).started


async def test_a_program_is_looked_up_where_the_child_would(peer: RawPeer, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\necho mine; exit 5\n")
    (tmp_path / "mine").chmod(0o755)
    process = await peer.start(["mine"], env={"PATH": f"/nowhere:{tmp_path}"})
    assert await process.exit_code() == 5
    assert process.output() == b"mine\n"
    # Without a PATH of its own, in the service's.
    assert await (await peer.start(["true"])).exit_code() == 0


async def test_a_script_without_an_interpreter_says_so(peer: RawPeer, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    error = await peer.refusal("process/start", {**START, "argv": [str(script)]})
    assert error.code == -32603
    assert error.reason in {"programNotFound", "programNotExecutable", "spawnFailed"}


async def test_a_process_id_goes_once(peer: RawPeer) -> None:
    process = await peer.start(programs.sleep(), processId="one")
    error = await peer.refusal("process/start", {**START, "processId": "one"})
    assert (error.code, error.reason) == (-32600, "processExists")
    await process.terminate()
    await process.until_closed()
    error = await peer.refusal("process/start", {**START, "processId": "one"})
    assert error.reason == "processExists"


async def test_an_empty_process_id_is_a_name_like_any_other(peer: RawPeer) -> None:
    assert await (await peer.start(["/bin/true"], processId="")).exit_code() == 0


async def test_what_asks_for_a_sandbox_is_not_started(peer: RawPeer) -> None:
    sandbox = {"permissions": {"type": "managed"}, "cwd": "file:///"}
    error = await peer.refusal("process/start", {**START, "sandbox": sandbox})
    assert error.reason == "sandboxUnavailable"
    error = await peer.refusal("process/start", {**START, "enforceManagedNetwork": True})
    assert error.reason == "sandboxUnavailable"


async def test_an_unknown_process_is_told_as_the_dialect_has_it(peer: RawPeer) -> None:
    nobody = {"processId": "nobody"}
    error = await peer.refusal("process/read", nobody)
    assert (error.code, error.reason) == (-32600, "processUnknown")
    assert "nobody" in error.message
    write = {**nobody, "chunk": "eA==", "writeId": "1"}
    assert await peer.request("process/write", write) == {"status": "unknownProcess"}
    assert await peer.request("process/signal", {**nobody, "signal": "interrupt"}) == {}
    assert await peer.request("process/terminate", nobody) == {"running": False}
    error = await peer.refusal("process/closeStdin", nobody)
    assert error.reason == "processUnknown"
    error = await peer.refusal("process/resize", {**nobody, "size": {"rows": 1, "columns": 1}})
    assert error.reason == "processUnknown"


async def test_a_process_of_another_session_is_unknown(peer: RawPeer, service: Server) -> None:
    process = await peer.start(programs.sleep())
    async with raw_peer(service.url) as other:
        assert (await other.refusal("process/read", {"processId": process.process_id})).code == (
            -32600
        )
        # Names are per session: it may even use the same one.
        assert (await other.start(["/bin/true"], processId=process.process_id)).started
    assert await process.terminate() is True


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("process/read", {"processId": "p", "afterSeq": -1}),
        ("process/read", {"processId": "p", "maxBytes": -1}),
        ("process/read", {"processId": "p", "waitMs": "soon"}),
        ("process/read", {"processId": "p", "waitMs": 2**70}),
        ("process/write", {"processId": "p", "chunk": "eA=="}),
        ("process/write", {"processId": "p", "chunk": "***", "writeId": "1"}),
        ("process/write", {"processId": "p", "chunk": 5, "writeId": "1"}),
        ("process/signal", {"processId": "p", "signal": "NO_SUCH"}),
        ("process/signal", {"processId": "p", "signal": 2}),
        ("process/signal", {"processId": "p"}),
        ("process/terminate", {}),
        ("process/resize", {"processId": "p", "size": {"rows": 99_999, "columns": 1}}),
        ("fs/readFile", {}),
        ("fs/readFile", {"path": "/etc/passwd"}),
        ("fs/walk", {"path": "file:///", "options": {}}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else str(value),
)
async def test_bad_params_of_any_method_are_answered(
    peer: RawPeer, method: str, params: Mapping[str, Any]
) -> None:
    await peer.start(programs.sleep(), processId="p")
    error = await peer.refusal(method, params)
    assert error.code == -32602, error
    assert await still_works(peer)


async def test_a_frame_over_the_limit_ends_the_connection_but_not_the_session(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, config="[limits]\nmax_frame_bytes = 100_000\n") as server:
        async with raw_peer(server.url) as peer:
            process = await peer.start(programs.echo(), pipeStdin=True)
            assert await process.write(b"x" * 70_000) == "accepted"
            await process.until_output(b"x" * 70_000)
            await peer.send(json.dumps({"id": "b", "method": "x", "params": "x" * 100_000}))
            assert await peer.until_ended() == 1009
        async with raw_peer(server.url, resume=peer.session_id) as again:
            assert await again.process(process.process_id).write(b"more") == "accepted"
            await again.process(process.process_id).terminate()


async def test_many_bad_requests_at_once_are_each_answered(peer: RawPeer) -> None:
    ids = [await peer.ask("process/read", {"processId": str(n)}) for n in range(200)]
    for request_id in ids:
        with pytest.raises(PeerError, match="cannot"):
            await peer.answer(request_id)
