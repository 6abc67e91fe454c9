"""Ids of sessions, and what they say of the worker that has the session."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from telexec_service.config import MAX_WORKERS
from telexec_service.core.session_ids import (
    RANDOM_BYTES,
    new_session_id,
    slot_of,
    slot_of_name,
    slot_to_look,
)

randoms = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
slots = st.integers(0, MAX_WORKERS - 1)


@given(randoms, slots)
def test_an_id_leads_to_its_worker(random: bytes, slot: int) -> None:
    assert slot_of(new_session_id(random, slot)) == slot


@given(randoms)
def test_the_id_of_the_only_process_leads_nowhere(random: bytes) -> None:
    made = new_session_id(random, None)
    assert UUID(made).version == 4
    assert slot_of(made) is None


@given(randoms, randoms, slots)
def test_almost_all_that_is_random_is_kept(one: bytes, other: bytes, slot: int) -> None:
    first, second = (new_session_id(random, slot) for random in (one, other))
    # Without the version, the variant and the slot.
    kept = [0xFF] * 6 + [0x0F, 0xFF, 0x3F] + [0xFF] * 6
    differs = any(a & mask != b & mask for a, b, mask in zip(one, other, kept, strict=False))
    assert (first != second) == differs


@given(st.text())
def test_any_text_may_be_asked_for(text: str) -> None:
    slot_of(text)


@given(randoms, slots, st.integers(1, MAX_WORKERS))
def test_an_id_or_a_name_leads_to_who_may_have_it_or_nowhere(
    random: bytes, slot: int, workers: int
) -> None:
    there = slot if slot < workers else None
    assert slot_to_look(new_session_id(random, slot), workers) == there
    assert slot_to_look("nightly", workers) == slot_of_name("nightly", workers)
