"""A host behind TLS."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from telexec_client import connect, errors
from tests.harness import programs
from tests.harness.server import Server

pytestmark = pytest.mark.both_loops


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate of `localhost` with the authority behind it, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    for part in (*issued.cert_chain_pems, authority.cert_pem):
        part.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    return certificate, key


@asynccontextmanager
async def behind_tls(url: str, certificate: tuple[Path, Path]) -> AsyncGenerator[str]:
    """Put a host behind TLS, and give its new URL."""
    host, _, port = url.removeprefix("ws://").partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the other side is gone
        finally:
            writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pump(reader, inner_writer))
            tasks.create_task(pump(inner_reader, writer))

    server = await asyncio.start_server(forward, "localhost", 0, ssl=context)
    async with server:
        yield f"wss://localhost:{server.sockets[0].getsockname()[1]}"


async def test_a_process_is_run_through_tls(
    service: Server, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    data = bytes(3_000_000)
    async with behind_tls(service.url, certificate) as url, connect(url) as client:
        assert (await client.run(programs.echo(), input=data)).stdout == data


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    service: Server, certificate: tuple[Path, Path]
) -> None:
    async with behind_tls(service.url, certificate) as url:
        with pytest.raises(errors.HostUnreachableError, match="certificate"):
            await connect(url)
