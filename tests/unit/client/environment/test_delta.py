import pytest
from hypothesis import given

from telexec_client import EnvironmentDelta
from telexec_schemas.environment_policy import EnvironmentPolicy, build_environment
from tests.unit.client.environment.environments import deltas, environments

EVERYTHING = EnvironmentPolicy(ignore_default_excludes=True)


def changed(base: dict[str, str], delta: EnvironmentDelta) -> dict[str, str]:
    return build_environment(base, EVERYTHING, delta.variables, delta.unset)


@given(base=environments, first=deltas, second=deltas)
def test_two_of_them_together_do_what_they_do_one_after_the_other(
    base: dict[str, str], first: EnvironmentDelta, second: EnvironmentDelta
) -> None:
    assert changed(base, first | second) == changed(changed(base, first), second)


@given(first=deltas, second=deltas, third=deltas)
def test_how_they_are_grouped_makes_no_difference(
    first: EnvironmentDelta, second: EnvironmentDelta, third: EnvironmentDelta
) -> None:
    assert (first | second) | third == first | (second | third)


@given(delta=deltas)
def test_an_empty_one_changes_nothing(delta: EnvironmentDelta) -> None:
    assert delta | EnvironmentDelta() == delta == EnvironmentDelta() | delta


def test_it_keeps_what_it_was_made_of_and_cannot_be_changed() -> None:
    variables = {"A": "1"}
    delta = EnvironmentDelta(variables)
    variables["A"] = "2"
    assert dict(delta.variables) == {"A": "1"}
    with pytest.raises(TypeError):
        delta.variables["A"] = "2"  # type: ignore[index] - that it fails is the point


def test_a_name_cannot_be_both_set_and_taken_out() -> None:
    with pytest.raises(ValueError, match="cannot both set and unset A"):
        EnvironmentDelta({"A": "1"}, ["A"])


def test_its_text_shows_no_value() -> None:
    text = repr(EnvironmentDelta({"PASSWORD": "swordfish"}, ["B"]))
    assert "swordfish" not in text
    assert "PASSWORD" in text
