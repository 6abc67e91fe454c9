"""The environment of a child: from the host's own by a policy, or exactly as asked for."""

from collections.abc import Collection, Mapping

from telexec_schemas.environment_policy import EnvironmentPolicy, build_environment
from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.config import Environment
from telexec_service.core.failure import RpcFailure

POLICIES_REMEMBERED = 64
"""How many results are kept: clients use a few policies over and over."""


class HostEnvironment:
    """Builds children's environments on this host.

    Args:
        own: The service's own environment, as it was when the service started.
        rules: What of it a child may see.
    """

    def __init__(self, own: Mapping[str, str], rules: Environment) -> None:
        hidden = () if rules.request_policy == "trusted" else tuple(rules.hide)
        keep_all_but_hidden = EnvironmentPolicy(ignore_default_excludes=True, exclude=hidden)
        self._base = build_environment(own, keep_all_but_hidden, {})
        self._kept: dict[tuple[object, ...], dict[str, str]] = {}

    def build(
        self,
        policy: EnvironmentPolicy | None,
        overlay: Mapping[str, str],
        unset: Collection[str] = (),
    ) -> dict[str, str]:
        """Return the environment of a child.

        Args:
            policy: How it is made from the host's; None: `overlay` is the exact environment.
            overlay: Laid over what the policy leaves.
            unset: Names taken out at the end.

        Raises:
            RpcFailure: A name is empty or holds `=` or NUL, or a value holds NUL.
        """
        environment = {} if policy is None else dict(self._policy_result(policy))
        environment |= overlay
        for name in unset:
            environment.pop(name, None)
        check_environment(environment)
        return environment

    def _policy_result(self, policy: EnvironmentPolicy) -> dict[str, str]:
        key = (
            policy.inherit,
            policy.ignore_default_excludes,
            *(tuple(policy.exclude), tuple(policy.set.items()), tuple(policy.include_only)),
        )
        result = self._kept.get(key)
        if result is None:
            if len(self._kept) >= POLICIES_REMEMBERED:
                del self._kept[next(iter(self._kept))]
            result = self._kept[key] = build_environment(self._base, policy, {})
        return result


def check_environment(environment: Mapping[str, str]) -> None:
    """Check that a kernel would take an environment (POSIX.1-2017, 8.1).

    Raises:
        RpcFailure: A name is empty or holds `=` or NUL, or a value holds NUL.
    """
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name:
            raise _refusal(name, "a name must not be empty and must hold neither `=` nor NUL")
        if "\0" in value:
            raise _refusal(name, "its value holds a NUL")


def _refusal(name: str, why: str) -> RpcFailure:
    return RpcFailure(
        ErrorCode.INVALID_PARAMS,
        ErrorReason.ENVIRONMENT_INVALID,
        f"cannot set the environment variable {name!r}: {why}",
        subject=name,
    )
