"""Where the programs are that processes run."""

import shutil


def tool(name: str) -> str:
    """Return the absolute path of a program of the system."""
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"cannot find {name} on PATH: it is needed for the measurement")
    return path
