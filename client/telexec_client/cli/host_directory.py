"""Directories of a host, as the command line names them."""

import posixpath

from telexec_client import Client
from telexec_schemas.file_uri import uri_to_path


def host_directory(client: Client, directory: str | None) -> str | None:
    """Return a directory of the host that is absolute; a relative one starts at the host's own.

    `None` stays `None`.
    """
    if directory is None:
        return None
    return posixpath.join(uri_to_path(client.host.cwd), directory)
