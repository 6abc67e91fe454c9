"""Who may connect, and in which order a connection begins."""

import asyncio
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from tests.harness import programs
from tests.harness.deadline import within
from tests.harness.raw_peer import RawPeer, WebSocketChannel, raw_peer
from tests.harness.server import Server
from tests.harness.service import running_service


async def test_initialize_says_what_the_host_is_and_what_it_grants(peer: RawPeer) -> None:
    assert peer.session_id
    info = peer.environment_info
    assert info["platformOs"] == "linux"
    assert info["shell"]["path"].startswith("/")
    for directory in ("cwd", "userHomeDir", "tempDir"):
        assert info[directory].startswith("file:///")
    assert peer.extensions is not None
    granted = {name for name, value in peer.extensions.items() if value is True}
    assert granted >= {"closeStdin", "signals", "resize", "envUnset", "timeouts", "flow", "lost"}
    assert peer.extensions["limits"]["leaseMs"] == 30_000


async def test_a_peer_that_wishes_for_no_extensions_is_granted_none(plain_peer: RawPeer) -> None:
    assert plain_peer.extensions is None


async def test_environment_info_is_the_same_as_in_the_handshake(plain_peer: RawPeer) -> None:
    assert await plain_peer.request("environment/info") == plain_peer.environment_info
    await plain_peer.send({"id": "text", "method": "environment/info"})
    await plain_peer.until(lambda: bool(plain_peer.stray_answers), what="the answer")
    assert plain_peer.stray_answers[0]["id"] == "text"
    assert plain_peer.stray_answers[0]["result"] == plain_peer.environment_info


async def test_no_capability_is_claimed_that_is_not_there(peer: RawPeer) -> None:
    claimed = {name for name, value in peer.environment_info["capabilities"].items() if value}
    assert claimed == set()


async def test_nothing_goes_before_initialize(service: Server) -> None:
    async with raw_peer(service.url, initialize=False) as peer:
        error = await peer.refusal("process/read", {"processId": "x"})
        assert (error.code, error.reason) == (-32600, "notInitialized")
        # What is wrong with the call itself is said first.
        assert (await peer.refusal("process/read", {})).code == -32602
        assert (await peer.refusal("no/such")).code == -32601
        await peer.initialize()
        assert (await peer.request("environment/info"))["platformOs"] == "linux"


async def test_nothing_goes_between_initialize_and_initialized(service: Server) -> None:
    async with raw_peer(service.url, initialize=False) as peer:
        await peer.request("initialize", {"clientName": "a peer", "resumeSessionId": None})
        error = await peer.refusal("process/read", {"processId": "x"})
        assert (error.code, error.reason) == (-32600, "notInitialized")
        await peer.notify("initialized")
        assert (await peer.refusal("process/read", {"processId": "x"})).reason == "processUnknown"


async def test_initialize_goes_once(peer: RawPeer) -> None:
    error = await peer.refusal("initialize", {"clientName": "again", "resumeSessionId": None})
    assert (error.code, error.reason) == (-32600, "alreadyInitialized")
    assert (await peer.start(programs.succeed())).started


async def test_initialize_needs_a_client_name(service: Server) -> None:
    async with raw_peer(service.url, initialize=False) as peer:
        error = await peer.refusal("initialize", {"resumeSessionId": None})
        assert error.code == -32602
        assert "clientName" in error.message
        await peer.initialize()


async def test_initialized_before_initialize_ends_the_connection(service: Server) -> None:
    async with raw_peer(service.url, initialize=False) as peer:
        await peer.notify("initialized")
        await peer.until_ended()


async def test_a_binary_frame_of_json_is_read_as_text(peer: RawPeer) -> None:
    await peer.send(json.dumps({"id": "b", "method": "environment/info", "params": {}}).encode())
    await peer.until(lambda: bool(peer.stray_answers), what="the answer")
    assert peer.stray_answers[0]["result"]["platformOs"] == "linux"


async def test_a_token_lets_in(tokened_service: Server) -> None:
    async with raw_peer(tokened_service.url, token=tokened_service.token) as peer:
        assert peer.session_id


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="none"),
        pytest.param("Bearer wrong", id="another"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer ", id="an empty token"),
        pytest.param("Basic {token}", id="another scheme"),
        pytest.param("Bearer {token}x", id="a longer one"),
        pytest.param("{token}", id="no scheme"),
    ],
)
async def test_anything_but_the_token_is_a_401(
    tokened_service: Server, authorization: str | None
) -> None:
    headers: dict[str, str] = {}
    if authorization is not None:
        headers["Authorization"] = authorization.format(token=tokened_service.token)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with raw_peer(tokened_service.url, headers=headers):
            pass
    assert refused.value.response.status_code == 401


async def test_a_token_in_the_query_does_not_count(tokened_service: Server) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with raw_peer(f"{tokened_service.url}/?token={tokened_service.token}"):
            pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1"])
async def test_a_browser_is_a_403(tokened_service: Server, origin: str) -> None:
    headers = {"Origin": origin}
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with raw_peer(tokened_service.url, token=tokened_service.token, headers=headers):
            pass
    assert refused.value.response.status_code == 403


async def test_a_token_file_is_made_when_there_is_none(tmp_path: Path) -> None:
    token_file = tmp_path / "deep" / "token"
    token_file.parent.mkdir()
    options = ["--token-file", str(token_file)]
    with running_service(tmp_path, guarded=None, options=options) as server:
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        token = token_file.read_text().strip()
        assert len(token) >= 32
        async with raw_peer(server.url, token=token) as peer:
            assert peer.session_id
    # The next one keeps it: orchestrators already know it.
    with running_service(tmp_path, guarded=None, options=options) as server:
        assert token_file.read_text().strip() == token
        async with raw_peer(server.url, token=token) as peer:
            assert peer.session_id


@pytest.fixture(scope="module")
def impatient_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that waits for nobody."""
    config = "[limits]\nhandshake_timeout_s = 0.2\n"
    with running_service(tmp_path_factory.mktemp("impatient"), config=config) as server:
        yield server


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost:"], ids=["nothing", "half"])
async def test_one_that_never_asks_for_an_upgrade_is_dropped(
    impatient_service: Server, said: bytes
) -> None:
    host, port = impatient_service.url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(said)
    assert await within(reader.read(), what="the end of a silent connection") == b""
    writer.close()
    await writer.wait_closed()


async def test_one_that_never_initializes_is_dropped(impatient_service: Server) -> None:
    async with raw_peer(impatient_service.url, initialize=False) as peer:
        await peer.until_ended()


async def test_one_that_has_shaken_hands_may_be_silent(impatient_service: Server) -> None:
    async with raw_peer(impatient_service.url) as peer:
        # Longer than a handshake may take: a process that says so is the clock.
        process = await peer.start(programs.shell("sleep 0.5; echo still here"))
        await process.until_output(b"still here\n")


async def test_compression_is_not_negotiated(service: Server) -> None:
    connection = await websockets.connect(service.url, compression="deflate", proxy=None)
    async with connection:
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" not in connection.response.headers
        await RawPeer(WebSocketChannel(connection)).initialize()
