"""From the URIs of requests to the paths of this host."""

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.file_uri import InvalidFileUriError, uri_to_path
from telexec_service.core.failure import RpcFailure

_MAX_URI_CHARACTERS = 3 * 4096 + len("file://localhost")
"""No path that Linux takes (PATH_MAX) has a longer URI."""


def host_path(uri: str) -> str:
    """Return the absolute path that a request names, without empty and `.` parts.

    A slash at the end means nothing: `file:///link/` is the link, as with a plain peer. `..` stays
    for the kernel, so that it is the parent of where a link before it leads.

    Raises:
        RpcFailure: It is not the `file://` URI of an absolute path on this host.
    """
    if len(uri) > _MAX_URI_CHARACTERS:
        raise RpcFailure(
            ErrorCode.INTERNAL,
            ErrorReason.PATH_INVALID,
            f"cannot use a path of {len(uri)} characters: file name too long",
            subject=uri[:80],
        )
    try:
        path = uri_to_path(uri)
    except InvalidFileUriError as error:
        raise RpcFailure(
            _code_of(uri), ErrorReason.PATH_INVALID, str(error), subject=uri
        ) from error
    if "//" not in path and "/." not in path and not path.endswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part not in {"", "."})


def _code_of(uri: str) -> ErrorCode:
    """Return the dialect's code of a bad URI: another host is told apart from bad syntax."""
    scheme, _, rest = uri.partition("://")
    host = rest.partition("/")[0]
    if scheme.lower() == "file" and host and not set(host) & {"?", "#"}:
        return ErrorCode.INVALID_REQUEST
    return ErrorCode.INVALID_PARAMS
