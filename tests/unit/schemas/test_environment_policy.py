import fnmatch
import json
import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.environment_policy import (
    CORE_NAMES,
    DEFAULT_EXCLUDES,
    EnvironmentPolicy,
    build_environment,
)

RECORDED = json.loads(
    (Path(__file__).parents[2] / "vectors" / "env_policy.json").read_text(encoding="utf-8")
)
EVERYTHING = EnvironmentPolicy(ignore_default_excludes=True)

_letters = "AaBbKEYkey_1"
names = st.text(_letters, min_size=1, max_size=6) | st.sampled_from(
    [*sorted(CORE_NAMES), "Path", "home", "API_KEY", "my_secret", "Tokens", "A[1]", "A.B", "ÄÖ"]
)
values = st.binary(max_size=8).map(
    lambda value: value.replace(b"\0", b"").decode("utf-8", "surrogateescape")
)
environments = st.dictionaries(names, values, max_size=8)
patterns = st.lists(
    st.text(_letters + "*?[].", max_size=5) | st.sampled_from(["*", "", "A*", "?", "A[1]", "*_*"]),
    max_size=3,
)
policies = st.builds(
    EnvironmentPolicy,
    inherit=st.sampled_from(["all", "core", "none"]),
    ignore_default_excludes=st.booleans(),
    exclude=patterns,
    set=environments,
    include_only=patterns,
)


def matches(name: str, pattern: str) -> bool:
    """Say the same as the builder in another way: through fnmatch, with `[` made literal."""
    return fnmatch.fnmatchcase(name.casefold(), pattern.casefold().replace("[", "[[]"))


@pytest.mark.parametrize("case", RECORDED["vectors"], ids=lambda case: json.dumps(case["policy"]))
def test_a_recorded_case_gives_the_environment_that_was_recorded(case: dict[str, Any]) -> None:
    policy = msgspec.convert(case["policy"], EnvironmentPolicy | None)
    built = build_environment(RECORDED["host_env"], policy, case["overlay"])
    assert built == case["expected"]


def test_all_recorded_cases_are_there() -> None:
    assert len(RECORDED["vectors"]) == 186


@given(base=environments, overlay=environments)
def test_without_a_policy_the_overlay_is_the_exact_environment(
    base: dict[str, str], overlay: dict[str, str]
) -> None:
    assert build_environment(base, None, overlay) == overlay


@given(base=environments)
def test_a_policy_that_asks_for_everything_changes_nothing(base: dict[str, str]) -> None:
    assert build_environment(base, EVERYTHING, {}) == base


@given(base=environments, policy=policies)
def test_a_policy_applied_again_to_its_own_result_changes_nothing(
    base: dict[str, str], policy: EnvironmentPolicy
) -> None:
    once = build_environment(base, policy, {})
    # What `set` put in is not inherited, so it may be filtered the second time, but is set again.
    assert build_environment(once, policy, {}) == once


@given(base=environments, policy=policies, overlay=environments)
def test_the_overlay_wins_over_every_step(
    base: dict[str, str], policy: EnvironmentPolicy, overlay: dict[str, str]
) -> None:
    built = build_environment(base, policy, overlay)
    assert {name: built[name] for name in overlay} == overlay


@given(base=environments, policy=policies, overlay=environments, unset=st.lists(names))
def test_unset_wins_over_everything_and_takes_exact_names_only(
    base: dict[str, str], policy: EnvironmentPolicy, overlay: dict[str, str], unset: list[str]
) -> None:
    whole = build_environment(base, policy, overlay)
    built = build_environment(base, policy, overlay, unset)
    assert built == {name: value for name, value in whole.items() if name not in unset}


@given(base=environments, policy=policies)
def test_each_variable_is_there_exactly_when_the_steps_in_their_order_leave_it(
    base: dict[str, str], policy: EnvironmentPolicy
) -> None:
    expected: dict[str, str] = {}
    for name in base | dict(policy.set):
        inherited = name in base and (
            policy.inherit == "all" or (policy.inherit == "core" and name.upper() in CORE_NAMES)
        )
        excludes = [*policy.exclude]
        if not policy.ignore_default_excludes:
            excludes += DEFAULT_EXCLUDES
        if name in policy.set:
            value = policy.set[name]
        elif inherited and not any(matches(name, pattern) for pattern in excludes):
            value = base[name]
        else:
            continue
        if not policy.include_only or any(matches(name, it) for it in policy.include_only):
            expected[name] = value
    assert build_environment(base, policy, {}) == expected


def test_what_is_excluded_can_be_set() -> None:
    policy = EnvironmentPolicy(exclude=["A"], set={"A": "set", "MY_KEY": "set"})
    assert build_environment({"A": "base"}, policy, {}) == {"A": "set", "MY_KEY": "set"}


def test_what_is_set_must_still_be_included() -> None:
    policy = EnvironmentPolicy(set={"A": "1", "B": "2"}, include_only=["B"])
    assert build_environment({}, policy, {}) == {"B": "2"}


def test_what_is_not_inherited_cannot_be_included() -> None:
    policy = EnvironmentPolicy(inherit="none", include_only=["A"])
    assert build_environment({"A": "1"}, policy, {}) == {}


@given(base=environments, policy=policies)
def test_patterns_ignore_case(base: dict[str, str], policy: EnvironmentPolicy) -> None:
    swapped = msgspec.structs.replace(
        policy,
        exclude=[_ascii_swapcase(pattern) for pattern in policy.exclude],
        include_only=[_ascii_swapcase(pattern) for pattern in policy.include_only],
    )
    assert build_environment(base, swapped, {}) == build_environment(base, policy, {})


@pytest.mark.parametrize("name", ["api_key", "API_KEY", "Secret", "xTOKENx", "monkey"])
def test_names_that_look_like_credentials_are_left_out_by_default(name: str) -> None:
    assert build_environment({name: "1"}, EnvironmentPolicy(), {}) == {}
    assert build_environment({name: "1"}, EVERYTHING, {}) == {name: "1"}


@pytest.mark.parametrize("name", ["PATH", "Path", "home", "LC_CTYPE"])
def test_core_names_are_inherited_in_any_case_and_keep_theirs(name: str) -> None:
    policy = EnvironmentPolicy(inherit="core")
    assert build_environment({name: "1", "OTHER": "2"}, policy, {}) == {name: "1"}


def test_names_that_differ_in_case_only_are_different_variables() -> None:
    built = build_environment({"A": "1", "a": "2"}, EVERYTHING, {"A": "3"})
    assert built == {"A": "3", "a": "2"}


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("A[1]", "A[1]", "A1"),
        ("A.B", "A.B", "AxB"),
        ("A?", "AB", "A"),
        ("A?", "A\n", "ABC"),
        ("A*", "A", "BA"),
        ("A", "a", "AB"),
        ("A|B", "A|B", "A"),
        ("A\\*", "A\\x", "A*"),
        ("^A$", "^A$", "A"),
        ("", "", "A"),
    ],
)
def test_only_the_star_and_the_question_mark_are_special(
    pattern: str, matching: str, other: str
) -> None:
    policy = EnvironmentPolicy(ignore_default_excludes=True, exclude=[pattern])
    assert build_environment({matching: "1", other: "2"}, policy, {}) == {other: "2"}


@given(
    base=st.dictionaries(
        st.text(string.ascii_lowercase, min_size=1), st.binary(max_size=40), max_size=4
    )
)
def test_values_that_are_not_utf8_survive_byte_for_byte(base: dict[str, bytes]) -> None:
    escaped = {name: value.decode("utf-8", "surrogateescape") for name, value in base.items()}
    built = build_environment(escaped, EVERYTHING, {})
    assert {name: value.encode("utf-8", "surrogateescape") for name, value in built.items()} == base


@given(base=environments, policy=policies, overlay=environments)
def test_neither_base_nor_overlay_is_changed(
    base: dict[str, str], policy: EnvironmentPolicy, overlay: dict[str, str]
) -> None:
    before = (dict(base), dict(overlay))
    build_environment(base, policy, overlay)["X"] = "changed afterwards"
    assert (base, overlay) == before


def test_a_policy_without_members_is_the_default_one() -> None:
    assert msgspec.json.decode(b"{}", type=EnvironmentPolicy) == EnvironmentPolicy(
        inherit="all", ignore_default_excludes=False, exclude=(), set={}, include_only=()
    )


def _ascii_swapcase(pattern: str) -> str:
    return "".join(char.swapcase() if char.isascii() else char for char in pattern)


@pytest.mark.timeout(10)
def test_no_pattern_takes_long_however_many_stars_it_has_and_however_long_the_name_is() -> None:
    policy = EnvironmentPolicy("none", set={"a" * 3000: ""}, include_only=["*a" * 20 + "b"])
    assert build_environment({}, policy, {}) == {}
