"""Whether a host's environment contract makes sense, before anything is served under it."""

from collections.abc import Iterator, Sequence

from telexec_schemas.environment_policy import first_match
from telexec_schemas.spelling import did_you_mean
from telexec_service.config import ConfigError, Environment, Policy
from telexec_service.core.environment import HOST_PROFILE
from telexec_service.core.name_classes import CLASSES, HIDDEN_ALWAYS, expand
from telexec_service.core.overlay_rules import check_names


def check_contract(rules: Environment) -> None:
    """Check what the types of the configuration cannot say.

    Raises:
        ConfigError: It names unknown classes, sets variables that nobody may set, or calls a
            profile what the host's own policy is called; the text lists all of it.
    """
    problems = list(_problems(rules))
    if problems:
        raise ConfigError(f"cannot use the environment contract: {'; '.join(problems)}")


def _problems(rules: Environment) -> Iterator[str]:
    patterns = {
        "env.hide": rules.hide,
        "env.overlay.allow": rules.overlay.allow,
        "env.overlay.deny": rules.overlay.deny,
        "env.overlay.fixed": rules.overlay.fixed,
    }
    for place, listed in patterns.items():
        yield from _unknown_classes(place, listed)
    if HOST_PROFILE in rules.profiles:
        yield f"[env.profiles.{HOST_PROFILE}]: {HOST_PROFILE!r} is the policy of [env] itself"
    yield from _bad_names("env.set", rules)
    for name, profile in rules.profiles.items():
        yield from _bad_names(f"env.profiles.{name}.set", profile)
    for directory in rules.overlay.path_prepend or ():
        if not directory.startswith("/") or ":" in directory:
            yield f"env.overlay.path_prepend: {directory!r} is not one absolute directory"


def _unknown_classes(place: str, patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        if pattern.startswith("@") and pattern not in CLASSES:
            hint = did_you_mean(pattern, CLASSES) or f"known are {', '.join(CLASSES)}"
            yield f"{place}: unknown class {pattern}: {hint}"


def _bad_names(place: str, policy: Policy) -> Iterator[str]:
    for name, rule in check_names(policy.set).items():
        yield f"{place}: {name!r} is {rule}"
    for name in policy.set:
        if first_match(name, tuple(expand(HIDDEN_ALWAYS))) is not None:
            yield f"{place}: {name!r} is hidden from every process"
