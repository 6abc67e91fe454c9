"""Files on a host."""

from telexec_client.filesystem.files import Files, Tree, TreeEntry
from telexec_client.filesystem.open_file import OpenFile

__all__ = ["Files", "OpenFile", "Tree", "TreeEntry"]
