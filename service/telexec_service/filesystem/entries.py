"""The names in a directory."""

import os
from collections.abc import Iterator
from typing import NamedTuple


class Entry(NamedTuple):
    """A name in a directory; `is_directory` and `is_file` are about what a link leads to."""

    name: str
    path: str
    is_directory: bool
    is_file: bool
    is_symlink: bool


def entries_of(path: str) -> Iterator[Entry]:
    """Yield what is in a directory, in no order, without links that lead nowhere.

    Raises:
        OSError: It cannot be read.
    """
    with os.scandir(path) as found:
        for entry in found:
            try:
                is_symlink = entry.is_symlink()
                if is_symlink:
                    entry.stat()
                is_directory, is_file = entry.is_dir(), entry.is_file()
            except OSError:
                continue  # a link that leads nowhere, or a name that was just removed
            yield Entry(entry.name, entry.path, is_directory, is_file, is_symlink)
