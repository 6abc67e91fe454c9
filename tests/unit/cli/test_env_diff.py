import json

from telexec_client.cli.env_diff import Difference, State, compared, diff_json, diff_text
from telexec_client.cli.env_request import Side
from telexec_client.cli.request import EnvironmentOptions, Target
from telexec_schemas.environment import (
    EnvironmentExplanation,
    ExplainedVariable,
    RuledVariable,
)

SIDES = (
    Side(Target("ws://a"), EnvironmentOptions()),
    Side(Target("ws://b"), EnvironmentOptions(profile="ci")),
)


def explanation(
    variables: dict[str, tuple[str, str | None]],
    dropped: dict[str, str] | None = None,
    refused: dict[str, str] | None = None,
) -> EnvironmentExplanation:
    return EnvironmentExplanation(
        profile="default",
        digest="d",
        variables=[
            ExplainedVariable(name, origin, value) for name, (origin, value) in variables.items()
        ],
        dropped=[RuledVariable(name, rule) for name, rule in (dropped or {}).items()],
        refused=[RuledVariable(name, rule) for name, rule in (refused or {}).items()],
        accepted="any name",
    )


def differences(a: EnvironmentExplanation, b: EnvironmentExplanation) -> list[Difference]:
    return list(compared(SIDES, (a, b)).differences)


def test_what_is_the_same_is_no_difference() -> None:
    one = explanation({"A": ("host", "1")}, {"B": "unset"}, {"C": "not in allow"})
    assert differences(one, one) == []


def test_a_name_that_only_one_side_knows_is_a_difference() -> None:
    a, b = explanation({"A": ("host", None)}), explanation({}, {"B": "unset"})
    assert differences(a, b) == [
        Difference("A", State("host"), None),
        Difference("B", None, State("dropped", rule="unset")),
    ]


def test_another_origin_another_rule_and_another_value_are_differences() -> None:
    a = explanation({"A": ("host", "1"), "B": ("host", "1")}, {"C": "exclude C*"})
    b = explanation({"A": ("set", "1"), "B": ("host", "2")}, {"C": "inherit core"})
    assert [difference.name for difference in differences(a, b)] == ["A", "B", "C"]


def test_a_value_that_one_side_does_not_say_is_no_difference() -> None:
    a, b = explanation({"A_KEY": ("host", None)}), explanation({"A_KEY": ("host", "1")})
    assert differences(a, b) == []


def test_a_refused_name_is_refused_though_the_host_has_it_as_well() -> None:
    a = explanation({"PATH": ("host", None)}, refused={"PATH": "fixed PATH"})
    b = explanation({"PATH": ("overlay", None)})
    assert differences(a, b) == [
        Difference("PATH", State("refused", rule="fixed PATH"), State("overlay"))
    ]


def test_the_text_has_a_line_for_each_side_in_the_order_of_names() -> None:
    a = explanation({"A": ("host", None)}, {"B": "exclude B*"})
    b = explanation({"B": ("set", None)})
    found = compared(SIDES, (a, b))
    assert diff_text(found, values=False, width=80) == (
        "--- ws://a  profile default  digest d\n"
        "+++ ws://b  profile default  digest d\n"
        "\n"
        "  VARIABLE  ORIGIN   RULE\n"
        "- A         host\n"
        "- B         dropped  exclude B*\n"
        "+ B         set\n"
        "\n"
        "2 variables differ; values were not compared (--values)\n"
    )


def test_the_text_has_values_where_they_were_asked_for_and_said() -> None:
    a, b = explanation({"A": ("host", "1")}), explanation({"A": ("set", None)})
    text = diff_text(compared(SIDES, (a, b)), values=True, width=80)
    assert text.splitlines()[3:] == [
        "  VARIABLE  ORIGIN  VALUE OR RULE",
        "- A         host    1",
        "+ A         set     (not shown)",
        "",
        "1 variable differs",
    ]


def test_json_says_both_sides_and_every_difference() -> None:
    a, b = explanation({"A": ("host", "1")}), explanation({}, {"B": "unset"})
    assert json.loads(diff_json(compared(SIDES, (a, b)))) == {
        "a": {"url": "ws://a", "profile": "default", "digest": "d"},
        "b": {"url": "ws://b", "profile": "default", "digest": "d"},
        "differences": [
            {"name": "A", "a": {"origin": "host", "value": "1"}, "b": None},
            {"name": "B", "a": None, "b": {"origin": "dropped", "rule": "unset"}},
        ],
    }
