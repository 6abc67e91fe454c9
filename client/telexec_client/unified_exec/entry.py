"""What is told of a command that somebody lists."""

import msgspec


class CommandEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A command that runs, or whose end was not told yet.

    Attributes:
        session_id: What to write to and poll it by.
        argv: What was started.
        workdir: The directory it was started in.
        tty: Whether it has a terminal.
        pid: Its number on the host; `None` if the host does not tell.
        exit_code: How it ended; `None` while it runs.
        age_s: How long ago it was started.
        idle_s: How long ago it was last started, written to or polled.
        unread_bytes: How much it wrote since the last result.
    """

    session_id: int
    argv: tuple[str, ...]
    workdir: str
    tty: bool
    pid: int | None
    exit_code: int | None
    age_s: float
    idle_s: float
    unread_bytes: int
