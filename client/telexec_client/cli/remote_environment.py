"""Asking hosts about environments: what `telexec env` does."""

import asyncio

from telexec_client import TelexecError, connect
from telexec_client.cli.env_diff import compared, diff_json, diff_text
from telexec_client.cli.env_report import explanation_json, explanation_text
from telexec_client.cli.env_request import DiffRequest, ExplainRequest, Side
from telexec_client.cli.environment import policy_choice
from telexec_client.cli.exit_codes import OWN_FAILURE
from telexec_client.cli.message import say
from telexec_client.cli.own_output import print_text, terminal_width
from telexec_schemas.environment import EnvironmentExplanation

_NOT_AS_ASKED = 1


def explain_there(request: ExplainRequest) -> int:
    """Print what a host says of an environment; return 1 if a start would be refused, else 0."""
    return asyncio.run(_explain(request))


def compare_there(request: DiffRequest) -> int:
    """Print in what two environments differ; return 1 if they do, else 0."""
    return asyncio.run(_compare(request))


async def _explain(request: ExplainRequest) -> int:
    try:
        explanation = await _ask(request.side, values=request.values)
    except TelexecError as error:
        return _fail(error)
    if request.as_json:
        text = explanation_json(explanation)
    else:
        text = explanation_text(
            explanation, request.side, values=request.values, width=terminal_width()
        )
    return await print_text(text, _NOT_AS_ASKED if explanation.refused else 0)


async def _compare(request: DiffRequest) -> int:
    sides = (request.a, request.b)
    try:
        a, b = [await _ask(side, values=request.values) for side in sides]
    except TelexecError as error:
        return _fail(error)
    found = compared(sides, (a, b))
    if request.as_json:
        text = diff_json(found)
    else:
        text = diff_text(found, values=request.values, width=terminal_width())
    return await print_text(text, _NOT_AS_ASKED if found.differences else 0)


async def _ask(side: Side, *, values: bool) -> EnvironmentExplanation:
    target = side.target
    async with connect(target.url, token_file=target.token_file, ca_file=target.ca_file) as client:
        return await client.explain_env(
            env=side.options.env,
            env_policy=policy_choice(side.options),
            env_profile=side.options.profile,
            unset=side.options.unset,
            values=values,
        )


def _fail(error: object) -> int:
    say(error)
    return OWN_FAILURE
