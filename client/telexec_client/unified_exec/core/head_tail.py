"""The beginning and the end of more output than can be kept."""

from collections import deque

import msgspec

from telexec_client.unified_exec.core.utf8 import LONGEST_BYTES, boundary_after, boundary_before

BLOCK_BYTES = 64 * 1024
"""Small pieces are put together to blocks of about this size."""


class HeadTail(msgspec.Struct, frozen=True):
    """What was kept: with `omitted_bytes` greater than 0, so much is missing between the two."""

    head: bytes
    tail: bytes
    omitted_bytes: int


class HeadTailBuffer:
    """Keeps the first and the last of what it is given, half of `capacity_bytes` each.

    It never cuts in the middle of a character, if no piece does. At most a block more than the
    capacity is held.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._head_bytes = capacity_bytes // 2
        self._tail_bytes = capacity_bytes - self._head_bytes
        self._head = bytearray()
        self._is_head_full = False
        self._tail: deque[bytearray] = deque()
        self._held_tail_bytes = 0
        self.total_bytes = 0

    def push(self, piece: bytes) -> None:
        """Add what comes next."""
        if not piece:
            return
        self.total_bytes += len(piece)
        if not self._is_head_full:
            room_bytes = self._head_bytes - len(self._head)
            if len(piece) <= room_bytes:
                self._head += piece
                return
            cut = boundary_before(piece, room_bytes)
            self._head += piece[:cut]
            self._is_head_full = True
            piece = piece[cut:]
        self._push_tail(piece)

    def take(self) -> HeadTail:
        """Take out what was kept, and begin anew."""
        tail = b"".join(self._tail)
        excess_bytes = len(tail) - self._tail_bytes
        if excess_bytes > 0:
            tail = tail[boundary_after(tail, excess_bytes) :]
        taken = HeadTail(bytes(self._head), tail, self.total_bytes - len(self._head) - len(tail))
        self._head.clear()
        self._is_head_full = False
        self._tail.clear()
        self._held_tail_bytes = 0
        self.total_bytes = 0
        return taken

    def _push_tail(self, piece: bytes) -> None:
        # A character more than is kept, to be able to begin with a whole one.
        piece = piece[-(self._tail_bytes + LONGEST_BYTES) :]
        if self._tail and len(self._tail[-1]) + len(piece) <= BLOCK_BYTES:
            self._tail[-1] += piece
        else:
            self._tail.append(bytearray(piece))
        self._held_tail_bytes += len(piece)
        while self._tail and self._held_tail_bytes - len(self._tail[0]) >= self._tail_bytes:
            self._held_tail_bytes -= len(self._tail.popleft())
