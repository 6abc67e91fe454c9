"""Tokens and certificates that change while the service runs and clients are connected."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from telexec_client import connect, errors
from tests.harness import procfs, programs
from tests.harness.certificates import TLS_LOOPBACK, Authority, Issued
from tests.harness.deadline import eventually, within
from tests.harness.raw_peer import ConnectionEndedError, raw_peer, stdio_peer
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service, service_argv

pytestmark = pytest.mark.both_loops


class Reloadable:
    """A service with a token file, a certificate, and somebody who changes them."""

    def __init__(self, server: Server, token_file: Path, issued: Issued, ca_file: Path) -> None:
        self.server = server
        self.token_file = token_file
        self.issued = issued
        self.ca_file = str(ca_file)
        self._reloads = 0

    @property
    def url(self) -> str:
        return self.server.url

    def write_tokens(self, *tokens: str) -> None:
        self.token_file.write_text("".join(f"{token}\n" for token in tokens))

    async def reload(self) -> None:
        """Have it read its files again, and wait until it has."""
        self._reloads += 1
        self.server.send_signal(signal.SIGHUP)
        await eventually(
            lambda: self.server.log().count('"service.reloaded"') >= self._reloads,
            what="the reload",
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return who vouches for the host at first."""
    return Authority(tmp_path)


@pytest.fixture(params=["uvloop", "asyncio"])
def host(
    request: pytest.FixtureRequest, tmp_path: Path, authority: Authority
) -> Iterator[Reloadable]:
    """Return a service with TLS that takes the token `first`, on each of the event loops."""
    issued = authority.issue()
    token_file = tmp_path / "tokens"
    token_file.touch(mode=0o600)
    token_file.write_text("first\n")
    options = [*issued.options, "--token-file", str(token_file)]
    options += ["--no-uvloop"] * (request.param == "asyncio")
    with running_service(tmp_path, listen=TLS_LOOPBACK, guarded=None, options=options) as server:
        yield Reloadable(server, token_file, issued, authority.file)


async def test_a_token_that_is_added_opens_and_disturbs_nobody(host: Reloadable) -> None:
    async with connect(host.url, token="first", ca_file=host.ca_file) as client:
        host.write_tokens("# the next one", "second", "", "first")
        await host.reload()
        async with connect(host.url, token="second", ca_file=host.ca_file) as other:
            assert (await other.run(programs.say("new"))).stdout == b"new"
        assert (await client.run(programs.say("old"))).stdout == b"old"


async def test_who_waits_with_a_revoked_token_is_told_at_once(host: Reloadable) -> None:
    async with connect(host.url, token="first", ca_file=host.ca_file) as client:
        process = await client.start(programs.say_and_sleep("said"))
        assert await process.stdout.read() == b"said"
        host.write_tokens("second")
        await host.reload()
        with pytest.raises(errors.AccessRevokedError, match="does not accept the token") as told:
            await within(process.wait(), what="the news")
        assert isinstance(told.value, errors.AuthenticationError)
        assert told.value.completed is not None
        with pytest.raises(errors.AuthenticationError):
            await client.run(programs.succeed())
        # It would go on for its lease, and the service drain for it.
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)


async def test_the_work_of_a_revoked_token_goes_on_for_who_has_a_valid_one(
    host: Reloadable, authority: Authority
) -> None:
    tls = authority.context()
    async with raw_peer(host.url, token="first", tls=tls) as peer:
        process = await peer.start(programs.say_and_sleep("said"))
        await process.until_output(b"said")
        pids = [child.pid for child in host.server.children()]
        host.write_tokens("second")
        await host.reload()
        with pytest.raises(ConnectionEndedError) as end:
            await peer.request("environment/info", None)
        assert end.value.code == 1008
        session_id = peer.session_id
    assert pids
    assert all(map(procfs.is_alive, pids))
    async with raw_peer(host.url, token="second", tls=tls, resume=session_id) as peer:
        assert peer.session_id == session_id
        await peer.request("process/terminate", {"processId": process.process_id})


async def test_a_client_whose_token_file_changes_too_loses_nothing(
    host: Reloadable, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("first\n")
    script = "read line; seq 1 200000"
    async with (
        connect(host.url, token_file=str(mine), ca_file=host.ca_file) as client,
        client.start(programs.shell(script), stdin=True) as process,
    ):
        mine.write_text("# changed\nsecond\n")
        host.write_tokens("second")
        await host.reload()
        await process.write(b"go\n")
        done = await within(process.wait(), what="the end")
    assert done.stdout == programs.expected_lines(1, 200_000)


async def test_a_new_certificate_is_for_new_connections(host: Reloadable, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    async with connect(host.url, token="first", ca_file=host.ca_file) as client:
        other.issue().take_place_of(host.issued)
        await host.reload()
        async with connect(host.url, token="first", ca_file=str(other.file)) as late:
            assert (await late.run(programs.say("new"))).stdout == b"new"
        assert (await client.run(programs.say("old"))).stdout == b"old"
    with pytest.raises(errors.CertificateError):
        await connect(host.url, token="first", ca_file=host.ca_file)


@pytest.mark.parametrize("broken", ["tokens", "certificate", "key"])
async def test_a_broken_file_keeps_what_was_and_holds_up_no_other(
    host: Reloadable, tmp_path: Path, broken: str
) -> None:
    other = Authority(tmp_path, "other")
    if broken == "tokens":
        host.write_tokens("two words")
        other.issue().take_place_of(host.issued)
        token, ca_file = "first", str(other.file)
    else:
        host.write_tokens("second")
        file = host.issued.certificate if broken == "certificate" else host.issued.key
        file.write_bytes(b"" if broken == "certificate" else other.issue().key.read_bytes())
        token, ca_file = "second", host.ca_file
    await host.reload()
    async with connect(host.url, token=token, ca_file=ca_file) as client:
        assert (await client.run(programs.say("on"))).stdout == b"on"


async def test_a_hangup_is_harmless_where_there_is_nothing_to_read(
    tmp_path: Path, service: Server
) -> None:
    async with connect(service.url) as client:
        service.send_signal(signal.SIGHUP)
        assert (await client.run(programs.say("on"))).stdout == b"on"
    argv, env = service_argv("stdio"), minimal_environment(tmp_path)
    async with stdio_peer(argv, env=env, directory=tmp_path) as peer:
        process = await peer.start(programs.shell('kill -HUP "$PPID"; echo on'))
        await process.until_output(b"on")
        assert await process.exit_code() == 0
