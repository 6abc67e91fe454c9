"""What `telexec env diff` finds and prints."""

import json
from collections.abc import Iterator, Sequence

import msgspec

from telexec_client.cli.env_report import shown_value, title
from telexec_client.cli.env_request import Side
from telexec_client.cli.table import table
from telexec_schemas.environment import EnvironmentExplanation


class State(msgspec.Struct, frozen=True):
    """What becomes of a variable on a host.

    `origin` is where it comes from, `dropped` or `refused`; `rule` the rule of these two. `value`
    is None where the host does not say it.
    """

    origin: str
    rule: str | None = None
    value: str | None = None

    def is_as(self, other: "State") -> bool:
        """Return whether nothing differs, of a value as far as both are known."""
        values_are_known = self.value is not None and other.value is not None
        return (self.origin, self.rule) == (other.origin, other.rule) and (
            not values_are_known or self.value == other.value
        )


class Difference(msgspec.Struct, frozen=True):
    """A variable that differs; None: that side knows nothing of it."""

    name: str
    a: State | None
    b: State | None


class Compared(msgspec.Struct, frozen=True):
    """Two explanations, with what was asked, and what differs between them, by name."""

    sides: tuple[Side, Side]
    explanations: tuple[EnvironmentExplanation, EnvironmentExplanation]
    differences: Sequence[Difference]


def compared(
    sides: tuple[Side, Side], explanations: tuple[EnvironmentExplanation, EnvironmentExplanation]
) -> Compared:
    """Return what differs between two explanations."""
    a, b = map(_states, explanations)
    differences = [
        Difference(name, a.get(name), b.get(name))
        for name in sorted(a.keys() | b.keys())
        if _differ(a.get(name), b.get(name))
    ]
    return Compared(sides, explanations, differences)


def diff_text(found: Compared, *, values: bool, width: int) -> str:
    """Return the differences as a table in which - is A and + is B.

    Args:
        found: The differences.
        values: Whether values were asked for.
        width: How many columns there are for a line.
    """
    return "".join(f"{line}\n" for line in _lines(found, values=values, width=width))


def diff_json(found: Compared) -> str:
    """Return the differences as one line of JSON, ASCII only."""
    report = {
        key: {"url": side.target.url, "profile": explanation.profile, "digest": explanation.digest}
        for key, side, explanation in zip("ab", found.sides, found.explanations, strict=True)
    }
    differences = [
        {"name": difference.name, "a": _as_json(difference.a), "b": _as_json(difference.b)}
        for difference in found.differences
    ]
    return json.dumps({**report, "differences": differences}) + "\n"


def _states(explanation: EnvironmentExplanation) -> dict[str, State]:
    states = {
        variable.name: State(variable.origin, value=variable.value)
        for variable in explanation.variables
    }
    states |= {
        variable.name: State("dropped", rule=variable.rule) for variable in explanation.dropped
    }
    # Last: a name that is also there without the request is refused to the request all the same.
    return states | {
        variable.name: State("refused", rule=variable.rule) for variable in explanation.refused
    }


def _differ(a: State | None, b: State | None) -> bool:
    return a is None or b is None or not a.is_as(b)


def _lines(found: Compared, *, values: bool, width: int) -> Iterator[str]:
    for sign, explanation, side in zip("-+", found.explanations, found.sides, strict=True):
        yield f"{sign * 3} {title(explanation, side)}"
    yield ""
    if found.differences:
        rows = [
            [f"{sign} {difference.name}", state.origin, _remark(state, values=values)]
            for difference in found.differences
            for sign, state in (("-", difference.a), ("+", difference.b))
            if state is not None
        ]
        heading = ["  VARIABLE", "ORIGIN", "VALUE OR RULE" if values else "RULE"]
        yield from table([heading, *rows], width=width)
        yield ""
    count = len(found.differences)
    yield f"{count} {'variable differs' if count == 1 else 'variables differ'}" + (
        "" if values else "; values were not compared (--values)"
    )


def _remark(state: State, *, values: bool) -> str:
    if state.rule is not None:
        return state.rule
    return shown_value(state.value) if values else ""


def _as_json(state: State | None) -> dict[str, str] | None:
    if state is None:
        return None
    fields = {"origin": state.origin, "rule": state.rule, "value": state.value}
    return {name: value for name, value in fields.items() if value is not None}
