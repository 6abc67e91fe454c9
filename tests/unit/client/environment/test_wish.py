"""What is sent of the environment that a caller wants."""

from collections.abc import Sequence

import pytest
from msgspec import UNSET

from telexec_client import EnvironmentPolicy
from telexec_client.environment.wish import (
    EnvironmentParameters,
    EnvironmentWish,
    environment_parameters,
)
from telexec_client.errors import EnvironmentChoiceError, UnsupportedError
from telexec_schemas.lifecycle import ExtensionGrant, Limits

POLICY = EnvironmentPolicy(inherit="core")


def grant(profiles: Sequence[str] = ("default", "ci"), *, unset: bool = True) -> ExtensionGrant:
    limits = Limits(lease_ms=1, max_frame_bytes=1, retained_bytes=1, max_processes=1)
    return ExtensionGrant(
        version=1, server="1", limits=limits, env_unset=unset, env_profiles=profiles
    )


def sent(
    wish: EnvironmentWish, host: ExtensionGrant | None, *, is_embedded: bool = False
) -> EnvironmentParameters:
    return environment_parameters(wish, host, is_embedded=is_embedded)


def test_a_host_with_profiles_is_asked_for_its_own_policy_and_sent_none() -> None:
    made = sent(EnvironmentWish(env={"A": "b"}, unset={"D", "C"}), grant())
    assert made == EnvironmentParameters({"A": "b"}, None, "default", ["C", "D"])


@pytest.mark.parametrize("host", [None, grant(())])
def test_a_host_without_profiles_is_sent_the_policy_that_it_would_have(
    host: ExtensionGrant | None,
) -> None:
    made = sent(EnvironmentWish(env={"A": "b"}), host)
    assert made == EnvironmentParameters({"A": "b"}, EnvironmentPolicy(), UNSET, UNSET)


def test_the_embedded_host_is_sent_the_exact_environment() -> None:
    made = sent(EnvironmentWish(env={"A": "b", "C": "d"}, unset=["C"]), grant(), is_embedded=True)
    assert made == EnvironmentParameters({"A": "b"}, None, UNSET, UNSET)


@pytest.mark.parametrize("is_embedded", [False, True])
def test_a_profile_or_policy_that_is_named_is_sent_as_it_is(is_embedded: bool) -> None:
    profile = sent(EnvironmentWish(env_profile="ci"), grant(), is_embedded=is_embedded)
    assert profile == EnvironmentParameters({}, None, "ci", UNSET)
    policy = sent(EnvironmentWish(env_policy=POLICY), grant(), is_embedded=is_embedded)
    assert policy == EnvironmentParameters({}, POLICY, UNSET, UNSET)


def test_whether_a_host_has_a_profile_is_for_the_host_to_say() -> None:
    assert sent(EnvironmentWish(env_profile="nope"), grant()).env_profile == "nope"


@pytest.mark.parametrize("policy", [POLICY, None])
def test_a_profile_and_a_policy_exclude_each_other(policy: EnvironmentPolicy | None) -> None:
    with pytest.raises(EnvironmentChoiceError) as error:
        sent(EnvironmentWish(env_policy=policy, env_profile="ci"), grant())
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize("host", [None, grant(())])
def test_a_profile_of_a_host_that_has_none_is_refused(host: ExtensionGrant | None) -> None:
    with pytest.raises(UnsupportedError):
        sent(EnvironmentWish(env_profile="default"), host)


@pytest.mark.parametrize("host", [None, grant(unset=False)])
def test_names_cannot_be_taken_out_where_the_host_does_not_know_how(
    host: ExtensionGrant | None,
) -> None:
    with pytest.raises(UnsupportedError):
        sent(EnvironmentWish(unset=["A"]), host)
    exact = sent(EnvironmentWish(env={"A": "b"}, env_policy=None, unset=["A"]), host)
    assert exact == EnvironmentParameters({}, None, UNSET, UNSET)
