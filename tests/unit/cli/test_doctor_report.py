import json
import re

import pytest

from telexec_client.cli.doctor_clock import clock_finding
from telexec_client.cli.doctor_report import Finding, Section, findings_json, findings_text

SECTIONS = [
    Section("this machine", [Finding("client", "ok", "telexec")]),
    Section(
        "host ws://one",
        [
            Finding("port", "warn", "slow " * 20, "see what it is busy with " * 4),
            Finding("token", "fail", "refused\x1b[2J", "name a file"),
        ],
    ),
]


def test_each_finding_has_its_mark_and_its_advice_under_it() -> None:
    assert findings_text(SECTIONS, width=50) == (
        "this machine\n"
        "      CHECK   FINDING\n"
        "ok    client  telexec\n"
        "\n"
        "host ws://one\n"
        "      CHECK   FINDING\n"
        "warn  port    slow slow slow slow slow slow slow\n"
        "              slow slow slow slow slow slow slow\n"
        "              slow slow slow slow slow slow\n"
        "              -> see what it is busy with see what\n"
        "              it is busy with see what it is busy\n"
        "              with see what it is busy with\n"
        "fail  token   refused\\x1b[2J\n"
        "              -> name a file\n"
        "\n"
        "1 ok, 1 warn, 1 fail\n"
    )


def test_colours_add_nothing_but_colours() -> None:
    plain = findings_text(SECTIONS, width=50)
    colored = findings_text(SECTIONS, width=50, is_colored=True)
    assert "\x1b[" not in plain
    assert colored != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_json_says_whether_all_is_well() -> None:
    assert json.loads(findings_json(SECTIONS[:1])) == {
        "ok": True,
        "sections": [
            {
                "title": "this machine",
                "findings": [{"check": "client", "mark": "ok", "what": "telexec", "advice": None}],
            }
        ],
    }
    assert json.loads(findings_json(SECTIONS))["ok"] is False


@pytest.mark.parametrize("there_s", [98.5, 100, 105, 111.5])
def test_a_clock_that_cannot_be_told_from_ours_is_right(there_s: float) -> None:
    assert clock_finding(there_s, not_before_s=100, not_after_s=110).mark == "ok"


@pytest.mark.parametrize(("there_s", "text"), [(40, "1 min behind"), (3710, "1 h ahead of")])
def test_a_clock_that_is_wrong_is_said_with_how_much(there_s: float, text: str) -> None:
    finding = clock_finding(there_s, not_before_s=100, not_after_s=110)
    assert finding.mark == "warn"
    assert text in finding.what
    assert finding.advice
