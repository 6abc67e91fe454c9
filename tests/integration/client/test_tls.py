"""A host with TLS: whom the client believes, and what it says of whom it does not."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from telexec_client import connect, errors
from tests.harness import programs
from tests.harness.certificates import TLS_LOOPBACK, Authority
from tests.harness.deadline import within
from tests.harness.fault_proxy import fault_proxy
from tests.harness.server import Server
from tests.harness.service import running_service

pytestmark = pytest.mark.both_loops

OUTPUT_BYTES = 16_000_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return who vouches for the hosts of these tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def secure(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[Server]:
    """Return a service with TLS and a token, on each of the event loops."""
    options = [*authority.issue().options, *(["--no-uvloop"] * (request.param == "asyncio"))]
    directory = tmp_path_factory.mktemp("secure")
    with running_service(directory, listen=TLS_LOOPBACK, guarded=True, options=options) as server:
        yield server


async def test_a_process_is_run_through_tls(secure: Server, authority: Authority) -> None:
    assert secure.url.startswith("wss://127.0.0.1:")
    data = bytes(range(256)) * 12_000
    url = secure.url.replace("127.0.0.1", "localhost")
    async with connect(url, token=secure.token, ca_file=str(authority.file)) as client:
        assert (await client.run(programs.echo(), input=data)).stdout == data


async def test_much_output_comes_whole_also_to_one_who_reads_it_late(
    secure: Server, authority: Authority
) -> None:
    script = f"head -c {OUTPUT_BYTES} /dev/zero | tr '\\0' x"
    async with (
        connect(secure.url, token=secure.token, ca_file=str(authority.file)) as client,
        client.start(programs.shell(script)) as process,
    ):
        # Others are served while it is held up.
        assert (await client.run(programs.say("meanwhile"))).stdout == b"meanwhile"
        digest, size = hashlib.sha256(), 0
        async for data in process.stdout:
            digest.update(data)
            size += len(data)
    assert size == OUTPUT_BYTES
    assert digest.digest() == hashlib.sha256(b"x" * OUTPUT_BYTES).digest()


async def test_a_session_is_resumed_through_tls(secure: Server, authority: Authority) -> None:
    with fault_proxy(secure.url) as proxy:
        async with connect(proxy.url, token=secure.token, ca_file=str(authority.file)) as client:
            proxy.cut_after(server_bytes=300_000)
            done = await client.run(programs.numbered_lines(1, 300_000))
    assert done.stdout == programs.expected_lines(1, 300_000)
    assert proxy.connections == 2


async def test_the_authorities_of_the_system_are_trusted_by_default(
    secure: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with connect(secure.url, token=secure.token) as client:
        assert (await client.run(programs.say("in"))).stdout == b"in"


async def test_with_authorities_of_its_own_a_client_trusts_no_others(
    secure: Server, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    other = Authority(tmp_path, "other")
    with pytest.raises(errors.CertificateError, match=r"other\.pem' vouches for its certificate"):
        await connect(secure.url, token=secure.token, ca_file=str(other.file))


async def test_a_certificate_that_nobody_vouches_for_says_what_to_name(secure: Server) -> None:
    with pytest.raises(errors.CertificateError, match=r"cannot trust wss://.*--ca"):
        await connect(secure.url, token=secure.token)


async def test_a_certificate_for_another_name_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    options = authority.issue("build1.example", "192.0.2.1").options
    with running_service(tmp_path, listen=TLS_LOOPBACK, options=options) as server:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(errors.CertificateError, match="for another name"):
                await connect(url, ca_file=str(authority.file))


async def test_an_expired_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    options = authority.issue(has_expired=True).options
    with (
        running_service(tmp_path, listen=TLS_LOOPBACK, options=options) as server,
        pytest.raises(errors.CertificateError, match="has expired"),
    ):
        await connect(server.url, ca_file=str(authority.file))


async def test_a_file_of_authorities_that_is_none_is_named(secure: Server, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    for path in (tmp_path / "missing", garbage, tmp_path):
        with pytest.raises(errors.CertificateError, match=f"cannot use the CA file '{path}': "):
            await connect(secure.url, ca_file=str(path))


async def test_authorities_for_a_host_without_tls_are_an_error_and_not_ignored(
    service: Server, unix_service: Server, authority: Authority
) -> None:
    for url in (service.url, unix_service.url):
        with pytest.raises(errors.CertificateError, match="is not encrypted; write wss://"):
            await connect(url, ca_file=str(authority.file))
    with pytest.raises(errors.CertificateError, match="the embedded host needs none"):
        await connect(ca_file=str(authority.file))


async def test_a_client_without_tls_is_told_that_the_host_has_it(secure: Server) -> None:
    with pytest.raises(errors.HandshakeError, match="use wss:// here"):
        await within(connect(secure.url.replace("wss:", "ws:"), token="t"), what="the error")


async def test_a_client_with_tls_is_told_that_the_host_has_none(
    service: Server, authority: Authority
) -> None:
    url = service.url.replace("ws:", "wss:")
    with pytest.raises(errors.HostUnreachableError, match=r"TLS.* ws://"):
        await within(connect(url, ca_file=str(authority.file)), what="the error")
