"""What a remote program did to the terminal, as far as it must be undone: pure."""

import re

# Private modes (DEC; xterm's control sequences), each with whether it is set at first.
_ALTERNATE_SCREENS = (47, 1047, 1049)
_AT_FIRST = {
    1: False,  # cursor keys send what applications want
    7: True,  # lines wrap
    25: True,  # the cursor is seen
    **dict.fromkeys(_ALTERNATE_SCREENS, False),
    **dict.fromkeys((9, 1000, 1002, 1003, 1005, 1006, 1015), False),  # the mouse is told
    1004: False,  # focus is told
    2004: False,  # what is pasted is marked
}
_CHANGE = re.compile(rb"\x1b\[\?([0-9;]{1,40})([hl])|\x1b([=>c])")
_LONGEST_CHANGE_BYTES = 44

_RESET_ATTRIBUTES = b"\x1b[0m"


class ScreenModes:
    """Follows which modes of the terminal a program has changed, in what it shows."""

    def __init__(self) -> None:
        self._is_set = dict(_AT_FIRST)
        self._is_keypad_changed = False
        self._rest = b""

    @property
    def is_alternate(self) -> bool:
        """Whether a program draws on the whole screen, and lines of others would disturb it."""
        return any(self._is_set[mode] for mode in _ALTERNATE_SCREENS)

    def follow(self, shown: bytes) -> None:
        """Take note of what is shown, in pieces of any size."""
        if not self._rest and b"\x1b" not in shown:
            return
        text = self._rest + shown
        end = 0
        for change in _CHANGE.finditer(text):
            end = change.end()
            modes, verb, keypad = change.groups()
            if keypad == b"c":
                # A full reset (RIS).
                self._is_set = dict(_AT_FIRST)
            if keypad is not None:
                self._is_keypad_changed = keypad == b"="
                continue
            for mode in modes.split(b";"):
                if mode and int(mode) in self._is_set:
                    self._is_set[int(mode)] = verb == b"h"
        # The last one may be whole in the next piece.
        begun = text.rfind(b"\x1b", max(end, len(text) - _LONGEST_CHANGE_BYTES))
        self._rest = b"" if begun < 0 else text[begun:]

    def undo(self) -> bytes:
        """Return what brings the terminal back to what is usual; empty: it is."""
        changes = self._changes(to_usual=True)
        return changes + _RESET_ATTRIBUTES if changes else b""

    def redo(self) -> bytes:
        """Return what brings the terminal from there to what the program wants."""
        return self._changes(to_usual=False)

    def _changes(self, *, to_usual: bool) -> bytes:
        changes = [
            b"\x1b[?%d%c" % (mode, b"lh"[at_first is to_usual])
            for mode, at_first in _AT_FIRST.items()
            if self._is_set[mode] != at_first
        ]
        if self._is_keypad_changed:
            changes.append(b"\x1b>" if to_usual else b"\x1b=")
        return b"".join(changes)
