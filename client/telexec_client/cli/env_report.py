"""What `telexec env explain` prints."""

import json
import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from telexec_client.cli.env_request import Side
from telexec_client.cli.printable import printable
from telexec_client.cli.table import OneLine, table
from telexec_schemas.environment import EnvironmentExplanation, RuledVariable

_NOT_SHOWN = "(not shown)"


def shown_value(value: str | None) -> str:
    """Return the cell of a value; None: the host does not say it."""
    return _NOT_SHOWN if value is None else OneLine(value)


def explanation_text(
    explanation: EnvironmentExplanation, side: Side, *, values: bool, width: int
) -> str:
    """Return an explanation as tables: what there is, what is not, what is refused.

    Args:
        explanation: What the host says.
        side: What it was asked.
        values: Whether it was asked for values.
        width: How many columns there are for a line.
    """
    return "".join(f"{line}\n" for line in _lines(explanation, side, values=values, width=width))


def explanation_json(explanation: EnvironmentExplanation) -> str:
    """Return an explanation as one line of JSON, ASCII only."""
    return json.dumps(msgspec.to_builtins(explanation)) + "\n"


def title(explanation: EnvironmentExplanation, side: Side) -> str:
    """Return in a line which host was asked, and by which policy it makes the environment."""
    target = side.target
    host = " ".join(filter(None, (target.name, target.url))) or "this machine"
    if explanation.profile is not None:
        policy = f"profile {explanation.profile}"
    elif side.options.inherit is not None:
        policy = f"inherit {side.options.inherit}"
    else:
        policy = "exact"
    return printable(f"{host}  {policy}  digest {explanation.digest}")


def _lines(
    explanation: EnvironmentExplanation, side: Side, *, values: bool, width: int
) -> Iterator[str]:
    yield from textwrap.wrap(title(explanation, side), width)
    yield ""
    yield from _variables(explanation, values=values, width=width)
    yield from _ruled("DROPPED", explanation.dropped, width)
    yield from _ruled("REFUSED", explanation.refused, width)
    if explanation.refused:
        yield ""
        yield from textwrap.wrap(
            f"A start would fail. A request may touch {printable(explanation.accepted)}.", width
        )


def _variables(explanation: EnvironmentExplanation, *, values: bool, width: int) -> Iterator[str]:
    if not explanation.variables:
        yield "no variables"
        return
    if not values:
        rows = [[variable.name, variable.origin] for variable in explanation.variables]
        yield from table([["VARIABLE", "ORIGIN"], *rows], width=width)
        return
    valued = [
        [variable.name, variable.origin, shown_value(variable.value)]
        for variable in explanation.variables
    ]
    yield from table([["VARIABLE", "ORIGIN", "VALUE"], *valued], width=width)


def _ruled(heading: str, variables: Sequence[RuledVariable], width: int) -> Iterator[str]:
    if variables:
        yield ""
        rows = [[variable.name, variable.rule] for variable in variables]
        yield from table([[heading, "BY"], *rows], width=width)
