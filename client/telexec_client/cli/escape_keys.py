"""Keys at a remote terminal that are for telexec itself: pure."""

from collections.abc import Collection, Iterator
from enum import Enum

_LINE_ENDS = b"\r\n"


class EscapeAction(Enum):
    """What a key after the escape asks for."""

    END = "."
    DETACH = "d"
    SUSPEND = "\x1a"
    HELP = "?"


_OTHER_KEYS = {ord("&"): EscapeAction.DETACH}
_BY_KEY = {ord(action.value): action for action in EscapeAction} | _OTHER_KEYS


class EscapeKeys:
    """Finds the escape at the start of a line, and what it asks for, in what is typed.

    The escape is held back until the next key says what it is for. Twice it is itself, once; before
    a key that asks for nothing it is as typed.

    Args:
        escape: The byte; `None`: there is none, and everything is as typed.
        actions: What may be asked for; the keys of others ask for nothing.
    """

    def __init__(self, escape: int | None, actions: Collection[EscapeAction]) -> None:
        self._escape = escape
        self._actions = frozenset(actions)
        self._is_line_start = True
        self._is_escaped = False

    def sort(self, typed: bytes) -> Iterator[bytes | EscapeAction]:
        """Go through what is typed, in order: what is for the remote terminal, and what is not."""
        passed = bytearray()
        for key in typed:
            if self._is_escaped:
                self._is_escaped = False
                action = _BY_KEY.get(key)
                if action in self._actions:
                    if passed:
                        yield bytes(passed)
                        passed.clear()
                    # Another escape may follow at once.
                    yield action
                    continue
                if key != self._escape:
                    passed.append(self._escape or 0)
            elif key == self._escape and self._is_line_start:
                self._is_escaped = True
                continue
            passed.append(key)
            self._is_line_start = key in _LINE_ENDS
        if passed:
            yield bytes(passed)
