"""The sessions of all workers as one list."""

import heapq
import itertools
from collections.abc import Iterable, Sequence

import msgspec

from telexec_schemas.session import SessionEntry, SessionList

MAX_LISTED = 1000
"""The most sessions or processes that one answer lists."""


class OthersLists(msgspec.Struct, frozen=True):
    """What the other workers said of their sessions; `silent`: which of them said nothing."""

    lists: Sequence[SessionList]
    silent: Sequence[int] = ()


def merged(own: SessionList, others: OthersLists) -> SessionList:
    """Return the newest sessions of all lists, each of which has the newest first."""
    lists = [own, *others.lists]
    newest = heapq.merge(*(it.sessions for it in lists), key=_age)
    listed = list(itertools.islice(newest, MAX_LISTED))
    is_more = any(it.truncated for it in lists) or _has_any(newest)
    return SessionList(listed, truncated=is_more, silent_workers=sorted(others.silent))


def _age(entry: SessionEntry) -> int:
    return -entry.created_at_ms


def _has_any(entries: Iterable[SessionEntry]) -> bool:
    return any(True for _ in entries)
