import pytest

from telexec_client.cli.env_request import Side, UnusedOptionError, diff_sides
from telexec_client.cli.request import EnvironmentOptions, Target

HERE = Target()
HOST = Target("ws://one", "token")
OTHER = Target("ws://two")
NONE = EnvironmentOptions()
CI = EnvironmentOptions(profile="ci")


def test_names_are_profiles_of_the_one_host_and_use_its_token() -> None:
    assert diff_sides(("default", "ci"), HOST, NONE, None, None) == (
        Side(HOST, EnvironmentOptions(profile="default")),
        Side(HOST, CI),
    )


def test_hosts_are_compared_under_one_profile_or_each_under_its_own() -> None:
    hosts = (HOST, OTHER)
    for profile_b, profiles in ((None, ["ci", "ci"]), ("b", ["ci", "b"])):
        sides = diff_sides(hosts, HERE, CI, None, profile_b)
        assert [side.options.profile for side in sides] == profiles


def test_a_profile_can_be_compared_with_another_host() -> None:
    a, b = diff_sides(("default", OTHER), HOST, CI, "other", None)
    assert a == Side(HOST, EnvironmentOptions(profile="default"))
    assert b == Side(Target("ws://two", "other"), CI)


def test_a_token_goes_to_no_host_that_it_was_not_given_for() -> None:
    unguarded = Target("ws://one")
    _, other = diff_sides((HOST, OTHER), HERE, NONE, None, None)
    assert other.target == OTHER
    _, same = diff_sides((HOST, unguarded), HERE, NONE, None, "ci")
    assert same.target == HOST
    _, there = diff_sides((OTHER, "ci"), HOST, NONE, None, None)
    assert there.target == unguarded


def test_a_host_that_has_a_name_has_its_own_token() -> None:
    named = Target("ws://two", "its token", name="two")
    assert diff_sides((HOST, named), HERE, NONE, None, None)[1].target == named
    assert diff_sides((HOST, "ci"), named, NONE, None, None)[1].target == named


def test_what_is_asked_of_both_is_asked_of_both() -> None:
    options = EnvironmentOptions(env={"A": "1"}, unset=("B",))
    for side in diff_sides(("x", OTHER), HOST, options, None, None):
        assert (side.options.env, side.options.unset) == ({"A": "1"}, ("B",))


@pytest.mark.parametrize(
    ("operands", "target", "options", "token_file_b", "profile_b", "mention"),
    [
        (("a", "b"), HOST, CI, None, None, "--profile"),
        ((HOST, "b"), HOST, NONE, None, "ci", "--profile-b"),
        (("a", "b"), HERE, NONE, "token", None, "--token-file-b"),
    ],
)
def test_an_option_about_what_is_not_there_is_named(
    operands: tuple[Target | str, Target | str],
    target: Target,
    options: EnvironmentOptions,
    token_file_b: str | None,
    profile_b: str | None,
    mention: str,
) -> None:
    with pytest.raises(UnusedOptionError, match=f"^cannot use {mention}:"):
        diff_sides(operands, target, options, token_file_b, profile_b)
