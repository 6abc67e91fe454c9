"""When a host that cannot be reached is taken for ended."""

from telexec_client.core.backoff import VACANT_FOR_S
from telexec_client.core.vacancy import Vacancy


def test_a_host_that_hung_up_and_does_not_answer_for_long_has_ended() -> None:
    vacancy = Vacancy(is_hung_up=True, now=100.0)
    assert not vacancy.is_proven(100.0 + VACANT_FOR_S / 2)
    assert vacancy.is_proven(100.0 + VACANT_FOR_S)


def test_a_host_that_fell_silent_may_be_behind_a_broken_network() -> None:
    vacancy = Vacancy(is_hung_up=False, now=100.0)
    assert not vacancy.is_proven(100.0 + 10 * VACANT_FOR_S)


def test_an_answer_of_whatever_kind_speaks_against_it() -> None:
    vacancy = Vacancy(is_hung_up=True, now=100.0)
    vacancy.answered()
    assert not vacancy.is_proven(100.0 + 10 * VACANT_FOR_S)
