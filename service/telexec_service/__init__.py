"""The telexec service: runs processes for orchestrators, in the environment of its host."""


def __getattr__(name: str) -> str:
    """Look `__version__` up when it is asked for: the guardian, which starts lean, never asks."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415 - see above

    return version("telexec")
