"""When a host that cannot be reached is taken for ended."""

from telexec_client.core.backoff import VACANT_FOR_S
from telexec_client.core.vacancy import Vacancy


def test_a_host_that_hung_up_and_is_nowhere_for_long_has_ended() -> None:
    vacancy = Vacancy(is_hung_up=True, now=100.0)
    vacancy.failed(is_vacant=True)
    assert not vacancy.is_proven(100.0 + VACANT_FOR_S / 2)
    vacancy.failed(is_vacant=True)
    assert vacancy.is_proven(100.0 + VACANT_FOR_S)


def test_a_host_that_fell_silent_may_be_behind_a_broken_network() -> None:
    vacancy = Vacancy(is_hung_up=False, now=100.0)
    vacancy.failed(is_vacant=True)
    assert not vacancy.is_proven(100.0 + 10 * VACANT_FOR_S)


def test_one_sign_that_it_may_be_the_network_is_enough_to_go_on() -> None:
    vacancy = Vacancy(is_hung_up=True, now=100.0)
    vacancy.failed(is_vacant=True)
    vacancy.failed(is_vacant=False)
    vacancy.failed(is_vacant=True)
    assert not vacancy.is_proven(100.0 + 10 * VACANT_FOR_S)
