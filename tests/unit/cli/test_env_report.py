import json

from telexec_client.cli.env_report import explanation_json, explanation_text
from telexec_client.cli.env_request import Side
from telexec_client.cli.request import EnvironmentOptions, Target
from telexec_schemas.environment import (
    EnvironmentExplanation,
    ExplainedVariable,
    RuledVariable,
)

SIDE = Side(Target("ws://one"), EnvironmentOptions())


def explanation(
    *variables: ExplainedVariable,
    profile: str | None = "default",
    dropped: dict[str, str] | None = None,
    refused: dict[str, str] | None = None,
) -> EnvironmentExplanation:
    return EnvironmentExplanation(
        profile=profile,
        digest="d",
        variables=variables,
        dropped=[RuledVariable(name, rule) for name, rule in (dropped or {}).items()],
        refused=[RuledVariable(name, rule) for name, rule in (refused or {}).items()],
        accepted="any name",
    )


def test_a_report_says_what_there_is_then_what_is_not_then_what_is_refused() -> None:
    explained = explanation(
        ExplainedVariable("CI", "overlay"),
        ExplainedVariable("HOME", "host"),
        dropped={"KEY": "default exclude *KEY*"},
        refused={"LD_X": "deny @loader LD_*"},
    )
    assert explanation_text(explained, SIDE, values=False, width=80) == (
        "ws://one  profile default  digest d\n"
        "\n"
        "VARIABLE  ORIGIN\n"
        "CI        overlay\n"
        "HOME      host\n"
        "\n"
        "DROPPED  BY\n"
        "KEY      default exclude *KEY*\n"
        "\n"
        "REFUSED  BY\n"
        "LD_X     deny @loader LD_*\n"
        "\n"
        "A start would fail. A request may touch any name.\n"
    )


def test_values_are_cut_at_the_width_and_those_that_are_not_said_are_marked() -> None:
    explained = explanation(
        ExplainedVariable("A", "host", "x" * 100), ExplainedVariable("B_KEY", "host")
    )
    text = explanation_text(explained, SIDE, values=True, width=60)
    assert text.splitlines()[3:] == [
        "A         host    " + "x" * 41 + "…",
        "B_KEY     host    (not shown)",
    ]


def test_an_empty_environment_is_said_to_be_empty() -> None:
    text = explanation_text(explanation(profile=None), SIDE, values=False, width=80)
    assert text == "ws://one  exact  digest d\n\nno variables\n"


def test_a_policy_of_the_request_and_the_embedded_host_are_named() -> None:
    side = Side(Target(), EnvironmentOptions(inherit="core"))
    text = explanation_text(explanation(profile=None), side, values=False, width=80)
    assert text.startswith("this machine  inherit core  digest d\n")


def test_json_has_all_of_it_in_one_line_of_ascii() -> None:
    explained = explanation(
        ExplainedVariable("A", "host", "é\n" * 100), dropped={"B": "unset"}, refused={"C": "x"}
    )
    text = explanation_json(explained)
    assert text.isascii()
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "profile": "default",
        "digest": "d",
        "variables": [{"name": "A", "origin": "host", "value": "é\n" * 100}],
        "dropped": [{"name": "B", "rule": "unset"}],
        "refused": [{"name": "C", "rule": "x"}],
        "accepted": "any name",
    }
