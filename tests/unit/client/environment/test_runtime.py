"""The named deltas of a runtime."""

import pytest

from telexec_client import (
    UNIFIED_EXEC,
    EnvironmentDelta,
    proxy_variables,
    sandbox_markers,
    thread_ids,
)


def variables(delta: EnvironmentDelta) -> dict[str, str]:
    assert not delta.unset
    return dict(delta.variables)


def test_unified_exec_gives_plain_output_that_nothing_waits_in() -> None:
    assert variables(UNIFIED_EXEC) == {
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLORTERM": "",
        "LANG": "C.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GH_PAGER": "cat",
        "AGENT_CI": "telexec",
    }


def test_only_ids_that_are_known_are_told() -> None:
    assert variables(thread_ids()) == {}
    assert variables(thread_ids(thread_id="t", tool_call_id="c")) == {
        "AGENT_THREAD_ID": "t",
        "AGENT_TOOL_CALL_ID": "c",
    }
    assert variables(thread_ids(session_id="s", prefix="MINE")) == {"MINE_SESSION_ID": "s"}


def test_a_proxy_is_told_in_both_spellings() -> None:
    assert variables(proxy_variables()) == {}
    told = proxy_variables(
        http="http://p:1",
        https="http://p:2",
        everything="socks5h://p:3",
        bypass=["localhost", ".corp"],
    )
    assert variables(told) == {
        "HTTP_PROXY": "http://p:1",
        "http_proxy": "http://p:1",
        "HTTPS_PROXY": "http://p:2",
        "https_proxy": "http://p:2",
        "ALL_PROXY": "socks5h://p:3",
        "all_proxy": "socks5h://p:3",
        "NO_PROXY": "localhost,.corp",
        "no_proxy": "localhost,.corp",
    }


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (sandbox_markers(), {}),
        (sandbox_markers("bwrap"), {"AGENT_SANDBOX": "bwrap"}),
        (sandbox_markers(has_network=False), {"AGENT_SANDBOX_NETWORK_DISABLED": "1"}),
        (
            sandbox_markers("bwrap", has_network=False, prefix="MINE"),
            {"MINE_SANDBOX": "bwrap", "MINE_SANDBOX_NETWORK_DISABLED": "1"},
        ),
    ],
)
def test_a_process_is_told_how_it_is_confined(
    made: EnvironmentDelta, expected: dict[str, str]
) -> None:
    assert variables(made) == expected
