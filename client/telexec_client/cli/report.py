"""What `--json` prints: one object that says how a run ended and what it printed."""

import codecs
from base64 import b64encode

import msgspec

from telexec_schemas.process import Usage

MAX_STREAM_BYTES = 16 * 1024 * 1024
"""How much of each stream a report holds; what comes after it is counted as truncated."""


class Capture:
    """The first `MAX_STREAM_BYTES` of a stream."""

    __slots__ = ("_data", "_max_bytes", "is_truncated")

    def __init__(self, max_bytes: int = MAX_STREAM_BYTES) -> None:
        self._data = bytearray()
        self._max_bytes = max_bytes
        self.is_truncated = False

    def add(self, data: bytes) -> None:
        """Take as much of `data` as there is room for."""
        room_bytes = self._max_bytes - len(self._data)
        self._data += data[:room_bytes]
        self.is_truncated = self.is_truncated or len(data) > room_bytes

    def as_text(self) -> tuple[str, str]:
        """Return the stream as a string and how it is encoded in it: `utf-8` or `base64`."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            # The cut may have gone through a character: only then an incomplete end is left out.
            return decoder.decode(self._data, final=not self.is_truncated), "utf-8"
        except UnicodeDecodeError:
            return b64encode(self._data).decode(), "base64"


class Report(msgspec.Struct):
    """How a run ended.

    `exit_code`, `signal`, `reason` and `usage` are the remote process's, `None` where it has none
    (it did not start, or its end is not known). `error` is what telexec itself failed with.
    """

    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None
    usage: Usage | None = None
    duration_s: float = 0.0
    error: Exception | None = None
    stdout: Capture = msgspec.field(default_factory=Capture)
    stderr: Capture = msgspec.field(default_factory=Capture)

    def to_json(self) -> str:
        """Return the report as one line of JSON, ASCII only."""
        import json  # noqa: PLC0415 - few commands print JSON

        stdout, stdout_encoding = self.stdout.as_text()
        stderr, stderr_encoding = self.stderr.as_text()
        return json.dumps(
            {
                "exitCode": self.exit_code,
                "signal": self.signal,
                "reason": self.reason,
                "durationMs": round(self.duration_s * 1000),
                "usage": None if self.usage is None else msgspec.to_builtins(self.usage),
                "stdout": stdout,
                "stdoutEncoding": stdout_encoding,
                "stderr": stderr,
                "stderrEncoding": stderr_encoding,
                "truncated": self.stdout.is_truncated or self.stderr.is_truncated,
                "error": None
                if self.error is None
                else {"type": type(self.error).__name__, "message": str(self.error)},
            }
        )
