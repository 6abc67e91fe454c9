"""What it costs to make a child's environment: the first time under a policy, and again.

Run it as `python -m benchmarks.environment`. Times are the best of several rounds: what the code
needs when nothing else runs.
"""

import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telexec_schemas.environment_policy import EnvironmentPolicy, build_environment
from telexec_service.config import Environment, Policy
from telexec_service.core.environment import EnvironmentRequest, HostEnvironment

VARIABLES = 200
PATTERNS = 20
OVERLAY = {"NO_COLOR": "1", "TERM": "dumb", "LANG": "C.UTF-8", "PAGER": "cat", "BUILD_ID": "17"}
ROUNDS = 7
CALLS = 500

HOST = {
    f"{prefix}_VARIABLE_{number}": f"value of some length {number}"
    for number in range(VARIABLES // 4)
    for prefix in ("APP", "BUILD", "CI", "LONG_PREFIX")
}
EXCLUDES = [
    *(f"*NOT_{number}_THERE*" for number in range(PATTERNS - 5)),
    *("*_VARIABLE_7", "CI_*1?", "*_9", "?UILD_VARIABLE_3", "NOTHING*"),
]
POLICY = EnvironmentPolicy(exclude=EXCLUDES)
BY_NAME = EnvironmentRequest(OVERLAY, profile="patterns")


def service() -> HostEnvironment:
    """Return the rules of a host that has just started."""
    profile = Policy(exclude=EXCLUDES)
    return HostEnvironment(HOST, Environment(profiles={"patterns": profile}))


def own_policy(number: int = 0) -> EnvironmentRequest:
    """Return a request with a policy that is decoded anew, and differs by the number."""
    variables = {"NUMBER": str(number)}
    policy = EnvironmentPolicy(exclude=list(EXCLUDES), set=variables)
    return EnvironmentRequest(OVERLAY, policy=policy)


@dataclass(frozen=True)
class Case:
    """A line of the table."""

    what: str
    prepare: Callable[[], Callable[[], object]]


def fresh_service() -> Callable[[], object]:
    """Every call is the first of a service, whose own set-up is not counted."""
    hosts = [service() for _ in range(CALLS)]
    return lambda: hosts.pop().build(BY_NAME)


def fresh_policy() -> Callable[[], object]:
    """Every call brings a policy that the service has not seen."""
    host = service()
    unseen = [own_policy(number) for number in range(CALLS)]
    return lambda: host.build(unseen.pop())


def same(request: EnvironmentRequest) -> Callable[[], object]:
    """Every call brings what the service has seen."""
    host = service()
    host.build(request)
    return lambda: host.build(request)


CASES = (
    Case(
        "the function, nothing remembered but its patterns",
        lambda: lambda: build_environment(HOST, POLICY, OVERLAY),
    ),
    Case("first start under a profile", fresh_service),
    Case("first start under a request's policy", fresh_policy),
    Case("again, under a profile", lambda: same(BY_NAME)),
    Case("again, under a request's policy", lambda: same(own_policy())),
    Case("again, exact", lambda: same(EnvironmentRequest(HOST))),
)


def best_us(case: Case) -> float:
    """Return microseconds per call."""
    rounds = [timeit.timeit(case.prepare(), number=CALLS) for _ in range(ROUNDS)]
    return min(rounds) / CALLS * 1e6


def table(cases: Sequence[Case]) -> str:
    """Return a line per case."""
    rows = [(case.what, f"{best_us(case):9.1f}") for case in cases]
    width = max(len(what) for what, _ in rows)
    head = f"{VARIABLES} variables, {PATTERNS} patterns, {len(OVERLAY)} overlaid"
    return "\n".join([f"{head:<{width}}        µs", *(f"{w:<{width}} {us}" for w, us in rows)])


if __name__ == "__main__":
    print(table(CASES))
