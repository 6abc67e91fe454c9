"""Plain HTTP requests to the port of a service."""

import asyncio

from tests.harness.deadline import within
from tests.harness.server import Server


async def http(server: Server, request: str) -> tuple[int, str]:
    """Send one HTTP request as it is; return the status and everything that came back."""
    scheme, _, rest = server.url.partition(":")
    if scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(rest)
    else:
        host, port = rest.removeprefix("//").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request.encode())
        answer = (await within(reader.read(), what="the end of the answer")).decode()
    finally:
        writer.close()
        await writer.wait_closed()
    return int(answer.split()[1]), answer


def get(path: str, *headers: str) -> str:
    """Return a GET request."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    return "\r\n".join(lines) + "\r\n\r\n"


async def page(server: Server, path: str, *, token: str | None = None) -> str:
    """Return what a page holds; it must be there."""
    headers = [] if token is None else [f"Authorization: Bearer {token}"]
    status, answer = await http(server, get(path, *headers))
    assert status == 200, answer
    return answer.partition("\r\n\r\n")[2]
