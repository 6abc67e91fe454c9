"""How an environment is made from a base, a policy and what is laid over it.

The rules and their order are those of the exec-server dialect; client and
service share this one builder.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Literal

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


@lru_cache(maxsize=256)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a test whether a name matches any of the patterns, as a whole and in any case."""
    alternatives = "|".join(
        "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern)
        for pattern in patterns
    )
    return re.compile(alternatives, re.IGNORECASE | re.DOTALL).fullmatch
