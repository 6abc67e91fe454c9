"""How an environment is made from a base, a policy and what is laid over it.

The rules and their order are those of the exec-server dialect; client and
service share this one builder.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from telexec_schemas.message import Message

CORE_NAMES = frozenset(
    {
        "PATH",
        "SHELL",
        "TMPDIR",
        "TEMP",
        "TMP",
        "HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LOGNAME",
        "USER",
    }
)
"""What `inherit: core` keeps, compared without regard to case."""

DEFAULT_EXCLUDES = ("*KEY*", "*SECRET*", "*TOKEN*")
"""What is taken out unless `ignore_default_excludes` says otherwise."""


class EnvironmentPolicy(Message, frozen=True):
    """What an environment takes over from its base.

    Steps, in this order: `inherit`; the default excludes, unless ignored; `exclude`; `set`; then,
    if `include_only` is not empty, only names that match it stay. Patterns know `*` and `?` only
    and ignore case.
    """

    inherit: Literal["all", "core", "none"] = "all"
    ignore_default_excludes: bool = False
    exclude: Sequence[str] = ()
    set: Mapping[str, str] = {}
    include_only: Sequence[str] = ()


def build_environment(
    base: Mapping[str, str],
    policy: EnvironmentPolicy | None,
    overlay: Mapping[str, str],
    unset: Collection[str] = (),
) -> dict[str, str]:
    """Return `base` as `policy` leaves it, with `overlay` laid over it and then `unset` taken out.

    Without a policy nothing comes from `base`: the overlay is the exact environment. Values pass
    through as they are, also surrogate-escaped ones. Overlay and unset names are exact.
    """
    environment = {} if policy is None else _kept(base, policy)
    environment |= overlay
    for name in unset:
        environment.pop(name, None)
    return environment


def _kept(base: Mapping[str, str], policy: EnvironmentPolicy) -> dict[str, str]:
    environment = _inherited(base, policy)
    if not policy.ignore_default_excludes:
        environment = _without(environment, DEFAULT_EXCLUDES)
    environment = _without(environment, policy.exclude)
    environment |= policy.set
    if policy.include_only:
        is_included = _matcher(tuple(policy.include_only))
        environment = {name: value for name, value in environment.items() if is_included(name)}
    return environment


def _inherited(base: Mapping[str, str], policy: EnvironmentPolicy) -> dict[str, str]:
    if policy.inherit == "all":
        return dict(base)
    if policy.inherit == "core":
        return {name: value for name, value in base.items() if name.upper() in CORE_NAMES}
    return {}


def _without(environment: dict[str, str], patterns: Sequence[str]) -> dict[str, str]:
    if not patterns:
        return environment
    is_excluded = _matcher(tuple(patterns))
    return {name: value for name, value in environment.items() if not is_excluded(name)}


Origin = Literal["host", "set", "overlay"]
"""Where a variable comes from: the base, the policy's `set`, or what is laid over it."""


class Trace(msgspec.Struct, frozen=True):
    """By name, where each variable came from, and which rule took each missing one away."""

    origins: dict[str, Origin]
    dropped: dict[str, str]


def trace_environment(
    base: Mapping[str, str],
    policy: EnvironmentPolicy | None,
    overlay: Collection[str],
    unset: Collection[str] = (),
) -> Trace:
    """Explain what `build_environment` does with the same arguments.

    The rules of `dropped` read as in a policy: `inherit core`, `default exclude *KEY*`,
    `exclude FOO*`, `includeOnly`, `unset`; of several that apply it is the first.
    """
    origins: dict[str, Origin] = {}
    dropped: dict[str, str] = {}
    if policy is not None:
        for name in base:
            rule = _dropping_rule(name, policy)
            if rule is None:
                origins[name] = "host"
            else:
                dropped[name] = rule
        for name in policy.set:
            origins[name] = "set"
            dropped.pop(name, None)
        if policy.include_only:
            is_included = _matcher(tuple(policy.include_only))
            for name in [name for name in origins if not is_included(name)]:
                del origins[name]
                dropped[name] = "includeOnly"
    for name in overlay:
        origins[name] = "overlay"
        dropped.pop(name, None)
    for name in unset:
        if origins.pop(name, None) is not None:
            dropped[name] = "unset"
    return Trace(origins, dropped)


def first_match(name: str, patterns: Sequence[str]) -> str | None:
    """Return the first pattern that a name matches, as a whole and in any case; None: none."""
    # Most names match none of them, and one expression for all says so soonest.
    if not _matcher(tuple(patterns))(name):
        return None
    return next((pattern for pattern in patterns if _matcher((pattern,))(name)), None)


def _dropping_rule(name: str, policy: EnvironmentPolicy) -> str | None:
    if policy.inherit == "none" or (policy.inherit == "core" and name.upper() not in CORE_NAMES):
        return f"inherit {policy.inherit}"
    if not policy.ignore_default_excludes:
        pattern = first_match(name, DEFAULT_EXCLUDES)
        if pattern is not None:
            return f"default exclude {pattern}"
    pattern = first_match(name, policy.exclude)
    return None if pattern is None else f"exclude {pattern}"


@lru_cache(maxsize=1024)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a test whether a name matches any of the patterns, as a whole and in any case."""
    alternatives = "|".join(map(_expression, patterns))
    return re.compile(alternatives, re.IGNORECASE | re.DOTALL).fullmatch


def _expression(pattern: str) -> str:
    first, *others = (
        "".join("." if char == "?" else re.escape(char) for char in part)
        for part in re.sub(r"\*+", "*", pattern).split("*")
    )
    if not others:
        return first
    # What stands between two `*` is looked for once, where it comes first: that never misses a
    # match, and no pattern can take more than its length times the name's.
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    return f"{first}{middle}.*{others[-1]}"
