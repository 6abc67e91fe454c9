import json

import pytest

from telexec_client.cli.process_report import (
    ListedSession,
    age,
    how_ended,
    processes_json,
    processes_text,
)
from telexec_client.cli.request import Target
from telexec_schemas.attachment import ProcessEntry
from tests.unit.cli.entries import entry

ONE, OTHER = Target("ws://one:1"), Target("ws://other:1")


def test_a_line_says_of_each_process_how_to_name_it_and_how_it_does() -> None:
    nightly = ListedSession(
        ONE,
        "nightly",
        [
            entry("aaaaaaaaaaaa", "sh", "-c", "a b", started_at_ms=90_000),
            entry("bbbb", "make", state="closed", exit_code=2, started_at_ms=0, pid=7),
        ],
    )
    assert processes_text([nightly], now_ms=7_300_000, width=80) == (
        "SESSION  PROCESS   PID   STATE    STARTED  EXIT  COMMAND\n"
        "nightly  aaaaaaaa  4711  running  2h ago   -     sh -c 'a b'\n"
        "nightly  bbbb      7     ended    2h ago   2     make\n"
    )


def test_processes_of_several_hosts_are_under_their_hosts() -> None:
    listed = [ListedSession(ONE, "a", [entry()]), ListedSession(OTHER, "b", [])]
    lines = processes_text(listed, now_ms=0, width=80).splitlines()
    assert [lines[0], lines[3], lines[4]] == ["ws://one:1", "", "ws://other:1"]
    assert lines[6].split() == ["b", "-", "-", "-", "-", "-", "(no", "processes)"]


def test_a_long_command_is_cut_and_a_list_that_was_cut_says_so() -> None:
    long = ListedSession(ONE, "a", [entry("p", "echo", "x" * 200)], is_truncated=True)
    lines = processes_text([long], now_ms=0, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("…")
    assert lines[2].endswith("(more, all older)")


def test_json_has_all_of_it_on_one_line_of_ascii() -> None:
    text = processes_json([ListedSession(ONE, "é", [entry("p", "é", exit_code=3)])])
    assert text.isascii()
    assert text.count("\n") == 1
    (session,) = json.loads(text)["sessions"]
    assert (session["url"], session["session"]) == ("ws://one:1", "é")
    (process,) = session["processes"]
    assert (process["processId"], process["argv"], process["exitCode"]) == ("p", ["é"], 3)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5000, "0s ago"),
        (59_000, "59s ago"),
        (119_000, "119s ago"),
        (120_000, "2m ago"),
        (7_200_000, "2h ago"),
        (172_800_000, "2d ago"),
    ],
)
def test_an_age_is_one_number(ms: int, text: str) -> None:
    assert age(ms) == text


@pytest.mark.parametrize(
    ("process", "text"),
    [
        (entry(), "-"),
        (entry(state="closed"), "-"),
        (entry(state="exited", exit_code=0), "0"),
        (entry(state="closed", exit_code=137, signal="SIGKILL"), "SIGKILL"),
        (entry(state="closed", exit_code=143, signal="SIGTERM", reason="timeout"), "timeout"),
    ],
)
def test_an_end_is_a_code_a_signal_or_a_timeout(process: ProcessEntry, text: str) -> None:
    assert how_ended(process) == text
