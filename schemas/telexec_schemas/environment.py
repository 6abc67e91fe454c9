"""What a start got for an environment, and the explanation of what one would get."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import UNSET, UnsetType

from telexec_schemas.environment_policy import EnvironmentPolicy
from telexec_schemas.message import Message


class EnvironmentSummary(Message, frozen=True):
    """Of a start: which rules made its environment, and how many variables came from where.

    `profile` names the host's policy that was used; None: the request brought its own, or wanted an
    exact environment. `digest` is the same as long as the policy and the host's rules are.
    `hidden` counts what the host keeps from every process.
    """

    profile: str | None
    digest: str
    inherited: int
    set: int
    overlaid: int
    hidden: int


class VariableOrigin(StrEnum):
    """Where a variable came from.

    The service's own environment, the `set` of the host's profile, the `set` of the request's own
    policy, or what the request laid over it.
    """

    HOST = "host"
    PROFILE = "profile"
    SET = "set"
    OVERLAY = "overlay"


class ExplainEnvironment(Message, frozen=True):
    """Ask what environment a start with these parameters would get, and why.

    `values`: also say the values; those of credential-like names never are.
    """

    env: Mapping[str, str] = {}
    env_policy: EnvironmentPolicy | None = None
    env_profile: str | UnsetType = UNSET
    env_unset: Sequence[str] | UnsetType = UNSET
    values: bool = False


class ExplainedVariable(Message, frozen=True, omit_defaults=True):
    """A variable that a process would see. `origin` is one of `VariableOrigin`.

    `value` is given if it was asked for and is no secret; what is not UTF-8 in it is escaped.
    """

    name: str
    origin: str
    value: str | None = None


class RuledVariable(Message, frozen=True):
    """A variable and the rule that took it away, or refused it."""

    name: str
    rule: str


class EnvironmentExplanation(Message, frozen=True):
    """What a process would see, what it would not, and why; each sorted by name.

    `refused` are the names of the request that the host does not take: a start would fail with
    them. `accepted` says in words what a request may touch.
    """

    profile: str | None
    digest: str
    variables: Sequence[ExplainedVariable]
    dropped: Sequence[RuledVariable]
    refused: Sequence[RuledVariable]
    accepted: str
