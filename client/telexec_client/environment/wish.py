"""From the environment that a caller wants to what is sent of it."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType

from telexec_client.environment.choice import HOST_POLICY, HostPolicy, PolicyChoice
from telexec_client.errors import EnvironmentChoiceError, UnsupportedError
from telexec_schemas.environment_policy import EnvironmentPolicy
from telexec_schemas.lifecycle import ExtensionGrant


class EnvironmentWish(Struct, frozen=True, kw_only=True):
    """What a caller says of an environment; see `Client.start`."""

    env: Mapping[str, str] | None = None
    env_policy: PolicyChoice = HOST_POLICY
    env_profile: str | None = None
    unset: Collection[str] = ()


class EnvironmentParameters(Struct, frozen=True):
    """The same as a host understands it; the names are those of `StartProcess`."""

    env: Mapping[str, str]
    env_policy: EnvironmentPolicy | None
    env_profile: str | UnsetType
    env_unset: Sequence[str] | UnsetType


def environment_parameters(
    wish: EnvironmentWish, grant: ExtensionGrant | None, *, is_embedded: bool
) -> EnvironmentParameters:
    """Return what to send to a host.

    Raises:
        EnvironmentChoiceError: The wish names both a profile and a policy.
        UnsupportedError: The host has no profiles, or cannot take variables out.
    """
    env = dict(wish.env or {})
    profile = _profile(wish, grant, is_embedded=is_embedded)
    policy = _policy(wish.env_policy, profile, is_embedded=is_embedded)
    if policy is None and profile is UNSET:
        # An exact environment is ours to shorten.
        exact = {name: value for name, value in env.items() if name not in wish.unset}
        return EnvironmentParameters(exact, None, UNSET, UNSET)
    if wish.unset and (grant is None or not grant.env_unset):
        raise UnsupportedError("take variables out of the host's environment")
    unset = sorted(wish.unset) or UNSET
    return EnvironmentParameters(env, policy, profile, unset)


def _profile(
    wish: EnvironmentWish, grant: ExtensionGrant | None, *, is_embedded: bool
) -> str | UnsetType:
    profiles = () if grant is None else grant.env_profiles
    if wish.env_profile is None:
        # The host's own policy comes first.
        wants_hosts = wish.env_policy is HOST_POLICY and not is_embedded
        return profiles[0] if wants_hosts and profiles else UNSET
    if wish.env_policy is not HOST_POLICY:
        raise EnvironmentChoiceError
    if not profiles:
        raise UnsupportedError("make an environment by a profile of the host's")
    # Whether it has this one is for the host to say.
    return wish.env_profile


def _policy(
    choice: PolicyChoice, profile: str | UnsetType, *, is_embedded: bool
) -> EnvironmentPolicy | None:
    if isinstance(choice, HostPolicy):
        return None if is_embedded or profile is not UNSET else EnvironmentPolicy()
    return choice
