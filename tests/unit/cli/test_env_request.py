import pytest

from telexec_client.cli.env_request import Side, UnusedOptionError, diff_sides
from telexec_client.cli.request import EnvironmentOptions, Target

HERE = Target(None, None)
HOST = Target("ws://one", "token")
NONE = EnvironmentOptions()
CI = EnvironmentOptions(profile="ci")


def test_names_are_profiles_of_the_one_host_and_use_its_token() -> None:
    assert diff_sides(("default", "ci"), HOST, NONE, None, None) == (
        Side(HOST, EnvironmentOptions(profile="default")),
        Side(HOST, CI),
    )


def test_urls_are_hosts_under_one_profile_or_each_under_its_own() -> None:
    urls = ("ws://one", "unix:/two")
    assert [side.options.profile for side in diff_sides(urls, HERE, CI, None, None)] == ["ci", "ci"]
    assert [side.options.profile for side in diff_sides(urls, HERE, CI, None, "b")] == ["ci", "b"]


def test_a_profile_can_be_compared_with_another_host() -> None:
    a, b = diff_sides(("default", "wss://two"), HOST, CI, "other", None)
    assert a == Side(HOST, EnvironmentOptions(profile="default"))
    assert b == Side(Target("wss://two", "other"), CI)


def test_a_token_goes_to_no_host_that_it_was_not_given_for() -> None:
    _, other = diff_sides(("ws://one", "ws://two"), HOST, NONE, None, None)
    assert other.target == Target("ws://two", None)
    _, same = diff_sides(("ws://one", "ws://one"), HOST, NONE, None, "ci")
    assert same.target == HOST


def test_a_token_needs_no_host_but_that_of_a_and_is_none_of_the_embedded_hosts() -> None:
    only_token = Target(None, "token")
    a, b = diff_sides(("ws://one", "ci"), only_token, NONE, None, None)
    assert (a.target, b.target) == (Target("ws://one", "token"), Target())


def test_what_is_asked_of_both_is_asked_of_both() -> None:
    options = EnvironmentOptions(env={"A": "1"}, unset=("B",))
    for side in diff_sides(("x", "ws://two"), HOST, options, None, None):
        assert (side.options.env, side.options.unset) == ({"A": "1"}, ("B",))


@pytest.mark.parametrize(
    ("operands", "target", "options", "token_file_b", "profile_b", "mention"),
    [
        (("a", "b"), HOST, CI, None, None, "--profile"),
        (("ws://one", "b"), HOST, NONE, None, "ci", "--profile-b"),
        (("a", "b"), HERE, NONE, "token", None, "--token-file-b"),
    ],
)
def test_an_option_about_what_is_not_there_is_named(
    operands: tuple[str, str],
    target: Target,
    options: EnvironmentOptions,
    token_file_b: str | None,
    profile_b: str | None,
    mention: str,
) -> None:
    with pytest.raises(UnusedOptionError, match=f"^cannot use {mention}:"):
        diff_sides(operands, target, options, token_file_b, profile_b)
