"""The environment of a child: the host's contract, from its own variables to what a start gets."""

import hashlib
from collections.abc import Collection, Mapping, Sequence

import msgspec

from telexec_schemas.environment import (
    EnvironmentExplanation,
    EnvironmentSummary,
    ExplainedVariable,
    RuledVariable,
    VariableOrigin,
)
from telexec_schemas.environment_policy import (
    EnvironmentPolicy,
    Origin,
    build_environment,
    first_match,
    trace_environment,
)
from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.config import Environment, Policy
from telexec_service.core.failure import RpcFailure, printable
from telexec_service.core.name_classes import CLASSES, CLASSES_VERSION, HIDDEN_ALWAYS, expand
from telexec_service.core.overlay_rules import OverlayRules, check_names

HOST_PROFILE = "default"
"""What a request calls the host's own policy."""

RESULTS_REMEMBERED = 64
"""How many results of policies are kept: clients use a few over and over."""


class EnvironmentRequest(msgspec.Struct, frozen=True):
    """What a request says of an environment: a profile, or a policy, or neither (exact)."""

    overlay: Mapping[str, str]
    unset: Collection[str] = ()
    policy: EnvironmentPolicy | None = None
    profile: str | None = None


class _Chosen(msgspec.Struct, frozen=True):
    """The policy that a request comes down to, and what it makes of the host's environment."""

    profile: str | None
    policy: EnvironmentPolicy | None
    base: Mapping[str, str]
    result: Mapping[str, str]
    inherited: frozenset[str]
    fixed: frozenset[str]
    digest: str


class HostEnvironment:
    """Builds and explains children's environments on this host.

    Args:
        own: The service's own environment, as it was when the service started.
        rules: The host's contract; its classes are known (the configuration was checked).
    """

    def __init__(self, own: Mapping[str, str], rules: Environment) -> None:
        self._rules = rules
        self._overlay_rules = OverlayRules(rules.overlay)
        self._hidden = {
            name: rule
            for name in own
            if (rule := _hiding_rule(name, expand((*HIDDEN_ALWAYS, *rules.hide)))) is not None
        }
        self._bounded = {name: own[name] for name in own if name not in self._hidden}
        unfit = tuple(expand(HIDDEN_ALWAYS))
        self._raw = {name: own[name] for name in own if first_match(name, unfit) is None}
        self._policies = {HOST_PROFILE: _wire_policy(rules)} | {
            name: _wire_policy(policy) for name, policy in rules.profiles.items()
        }
        self._exact = _Chosen(None, None, {}, {}, frozenset(), frozenset(), self._digest(None))
        self._chosen: dict[object, _Chosen] = {}

    @property
    def profiles(self) -> Sequence[str]:
        """The names that a request may call a policy of the host's, the host's own first."""
        return tuple(self._policies)

    @property
    def hidden(self) -> Mapping[str, str]:
        """The variables of the service that reach no child under a profile, each with the rule."""
        return self._hidden

    def build(self, request: EnvironmentRequest) -> tuple[dict[str, str], EnvironmentSummary]:
        """Return the environment of a child and the summary that its starter gets.

        Raises:
            RpcFailure: The request touches what it may not, wants a policy or an exact environment
                where the host allows none, names an unknown profile, or asks for too much.
        """
        self._check_request_size(request)
        chosen = self._choose(request)
        refused = self._refused(request, chosen)
        if refused:
            raise self._refusal(refused)
        environment = dict(chosen.result)
        environment |= request.overlay
        for name in request.unset:
            environment.pop(name, None)
        self._check_size(environment)
        overlaid = sum(name in environment for name in request.overlay)
        untouched = chosen.inherited.difference(request.overlay, request.unset)
        return environment, EnvironmentSummary(
            profile=chosen.profile,
            digest=chosen.digest,
            inherited=len(untouched),
            set=len(environment) - overlaid - len(untouched),
            overlaid=overlaid,
            hidden=len(self._hidden),
        )

    def explain(self, request: EnvironmentRequest, *, values: bool) -> EnvironmentExplanation:
        """Return what `build` would give, and why; what it would refuse is said, not raised.

        Raises:
            RpcFailure: As `build`, but not for the variables that the request may not touch.
        """
        self._check_request_size(request)
        chosen = self._choose(request)
        refused = self._refused(request, chosen)
        overlay = {name: request.overlay[name] for name in request.overlay if name not in refused}
        unset = [name for name in request.unset if name not in refused]
        trace = trace_environment(chosen.base, chosen.policy, overlay, unset)
        origins = {
            name: _origin(origin, chosen)
            for name, origin in trace.origins.items()
            if origin != "set" or name not in refused
        }
        origins |= dict.fromkeys(chosen.fixed, VariableOrigin.HOST)
        environment = {**chosen.result, **overlay}
        self._check_size({name: environment[name] for name in origins})
        hidden = self._hidden if chosen.policy is not None else {}
        dropped = trace.dropped | {
            name: rule for name, rule in hidden.items() if name not in chosen.base
        }
        return EnvironmentExplanation(
            profile=chosen.profile,
            digest=chosen.digest,
            variables=[
                ExplainedVariable(
                    printable(name), origin, _shown(name, environment[name]) if values else None
                )
                for name, origin in sorted(origins.items())
            ],
            dropped=_ruled({name: dropped[name] for name in dropped if name not in origins}),
            refused=_ruled(refused),
            accepted=self._overlay_rules.accepted,
        )

    def _choose(self, request: EnvironmentRequest) -> _Chosen:
        if request.profile is not None:
            if request.policy is not None:
                raise RpcFailure(
                    ErrorCode.INVALID_PARAMS,
                    ErrorReason.PARAMS_INVALID,
                    "cannot use both `envProfile` and `envPolicy`: say one of them",
                )
            return self._profile(request.profile)
        if request.policy is not None:
            return self._own_policy(request.policy)
        if not self._rules.requests.exact:
            raise RpcFailure(
                ErrorCode.INVALID_PARAMS,
                ErrorReason.POLICY_REFUSED,
                "cannot take an exact environment: this host makes environments by its own policy"
                f" (env.requests.exact); say `envProfile`, one of {self._profile_list}",
                accepted=self.profiles,
            )
        return self._exact

    def _profile(self, name: str) -> _Chosen:
        chosen = self._chosen.get(name)
        if chosen is None:
            policy = self._policies.get(name)
            if policy is None:
                raise RpcFailure(
                    ErrorCode.INVALID_PARAMS,
                    ErrorReason.PROFILE_UNKNOWN,
                    f"cannot find the profile {name!r}: there is {self._profile_list}",
                    subject=name,
                    accepted=self.profiles,
                )
            chosen = self._remember(name, name, policy, self._bounded)
        return chosen

    def _own_policy(self, policy: EnvironmentPolicy) -> _Chosen:
        allowed = self._rules.requests.policy
        if allowed == "off":
            raise RpcFailure(
                ErrorCode.INVALID_PARAMS,
                ErrorReason.POLICY_REFUSED,
                "cannot take a policy from a request: this host uses its own (env.requests.policy);"
                f" say `envProfile`, one of {self._profile_list}",
                accepted=self.profiles,
            )
        key = (
            policy.inherit,
            policy.ignore_default_excludes,
            tuple(policy.exclude),
            tuple(policy.set.items()),
            tuple(policy.include_only),
        )
        chosen = self._chosen.get(key)
        if chosen is None:
            self._check_policy_size(policy)
            base = self._raw if allowed == "trusted" else self._bounded
            chosen = self._remember(key, None, policy, base)
        return chosen

    def _remember(
        self,
        key: object,
        profile: str | None,
        policy: EnvironmentPolicy,
        base: Mapping[str, str],
    ) -> _Chosen:
        if len(self._chosen) >= RESULTS_REMEMBERED:
            del self._chosen[next(iter(self._chosen))]
        result = build_environment(base, policy, {})
        fixed = frozenset(name for name in base if self._overlay_rules.is_fixed(name))
        result |= {name: base[name] for name in fixed}
        inherited = fixed.union(name for name in result if name in base and name not in policy.set)
        chosen = _Chosen(profile, policy, base, result, inherited, fixed, self._digest(policy))
        self._chosen[key] = chosen
        return chosen

    def _refused(self, request: EnvironmentRequest, chosen: _Chosen) -> dict[str, str]:
        """Return what the request may not touch, by whichever door, each with the rule."""
        refused = check_names(request.overlay)
        doors: list[tuple[Mapping[str, str | None], Mapping[str, str]]] = [
            (request.overlay, chosen.result),
            (dict.fromkeys(request.unset), chosen.result),
        ]
        if request.policy is not None:
            refused |= check_names(request.policy.set)
            doors.append((request.policy.set, chosen.base))
        for touched, before in doors:
            host_path = before.get("PATH")
            for name, value in touched.items():
                rule = self._overlay_rules.refusal(name, value, host_path)
                if rule is not None:
                    refused.setdefault(name, rule)
        return refused

    def _refusal(self, refused: Mapping[str, str]) -> RpcFailure:
        listed = ", ".join(f"{printable(name)!r} ({refused[name]})" for name in sorted(refused))
        is_invalid = all(rule.startswith("invalid") for rule in refused.values())
        accepted = self._overlay_rules.accepted
        return RpcFailure(
            ErrorCode.INVALID_PARAMS,
            ErrorReason.ENVIRONMENT_INVALID if is_invalid else ErrorReason.ENVIRONMENT_REFUSED,
            f"cannot set or unset {listed}; a request may touch {accepted}",
            subject=min(refused),
            refused=_ruled(refused),
            accepted=(accepted,),
        )

    def _check_request_size(self, request: EnvironmentRequest) -> None:
        """Check what is looked at name by name, before any of it is remembered."""
        for part in (request.overlay, dict.fromkeys(request.unset, "")):
            if part:
                self._check_size(part)

    def _check_policy_size(self, policy: EnvironmentPolicy) -> None:
        self._check_size(policy.set)
        self._check_size(dict.fromkeys((*policy.exclude, *policy.include_only), ""))

    def _check_size(self, environment: Mapping[str, str]) -> None:
        limits = self._rules.overlay
        if len(environment) > limits.max_variables:
            raise _too_large("max_variables", len(environment), limits.max_variables)
        text = "".join((*environment, *environment.values()))
        size = len(text if text.isascii() else text.encode("utf-8", "surrogateescape"))
        # The kernel counts `name=value` and a NUL (execve(2)).
        size += 2 * len(environment)
        if size > limits.max_bytes:
            raise _too_large("max_bytes", size, limits.max_bytes)

    def _digest(self, policy: EnvironmentPolicy | None) -> str:
        rules = (CLASSES_VERSION, self._rules.hide, self._rules.overlay, policy)
        # Not JSON: a value may hold bytes that are not UTF-8.
        seed = repr(msgspec.to_builtins(rules, order="deterministic"))
        return hashlib.sha256(seed.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def _profile_list(self) -> str:
        return ", ".join(self.profiles)


def _origin(origin: Origin, chosen: _Chosen) -> VariableOrigin:
    if origin == "set" and chosen.profile is not None:
        return VariableOrigin.PROFILE
    return VariableOrigin(origin)


def _wire_policy(policy: Policy) -> EnvironmentPolicy:
    return EnvironmentPolicy(
        inherit=policy.inherit,
        ignore_default_excludes=policy.ignore_default_excludes,
        exclude=policy.exclude,
        set=policy.set,
        include_only=policy.include_only,
    )


def _hiding_rule(name: str, patterns: Mapping[str, str]) -> str | None:
    pattern = first_match(name, tuple(patterns))
    if pattern is None:
        return None
    source = patterns[pattern]
    return f"hidden {pattern}" if source == pattern else f"hidden {source} {pattern}"


def _ruled(rules: Mapping[str, str]) -> list[RuledVariable]:
    return [RuledVariable(printable(name), rules[name]) for name in sorted(rules)]


def _shown(name: str, value: str) -> str | None:
    is_secret = first_match(name, CLASSES["@credentials"].patterns) is not None
    return None if is_secret else printable(value)


def _too_large(name: str, size: int, limit: int) -> RpcFailure:
    unit = "variables" if name == "max_variables" else "bytes"
    return RpcFailure(
        ErrorCode.INVALID_PARAMS,
        ErrorReason.LIMIT_REACHED,
        f"cannot make an environment of {size} {unit}: the limit is {limit} (env.overlay.{name})",
        subject=name,
        limit=limit,
    )
