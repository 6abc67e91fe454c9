"""Names that one side gives and the other gives back."""

from typing import Annotated, NewType

from msgspec import Meta

SessionId = NewType("SessionId", str)
"""Given by the service; whoever knows it can resume the session."""

ProcessId = NewType("ProcessId", str)
"""Given by the client; unique in its session for as long as the service remembers the process."""

WriteId = NewType("WriteId", str)
"""Given by the client, unique per process: a write with a known id is not written again."""

HandleId = NewType("HandleId", str)
"""Given by the client: a file that the service holds open for it."""

Seq = NewType("Seq", int)
"""The number of an event of one process; starts at 1 and grows by one over all its events."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""How much or how many of something."""

RequestId = int | str
"""Given by the client: ties an answer to its request."""
