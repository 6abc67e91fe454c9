"""Commands that end in one call, or go on over several."""

import re
from pathlib import Path

import pytest

from telexec_client import Client, EnvironmentDelta, connect, errors, thread_ids
from telexec_client.unified_exec import UnifiedExec, tool_text
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.polling import until_output
from tests.harness.server import Server
from tests.harness.service import running_service

pytestmark = pytest.mark.both_loops


async def test_a_command_that_ends_in_time_is_one_answer(unified: UnifiedExec) -> None:
    result = await unified.exec_command("echo out; echo err >&2; exit 7")
    assert sorted(result.output.splitlines()) == ["err", "out"]
    assert (result.exit_code, result.session_id) == (7, None)
    assert (result.original_token_count, result.omitted_bytes, result.lost_bytes) == (2, 0, 0)
    assert unified.list() == ()


async def test_a_model_is_told_it_in_the_words_of_codex(unified: UnifiedExec) -> None:
    ended = tool_text(await unified.exec_command("printf hello"))
    assert re.fullmatch(
        r"Chunk ID: [0-9a-f]{6}\n"
        r"Wall time: \d+\.\d{4} seconds\n"
        r"Process exited with code 0\n"
        r"Original token count: 2\n"
        r"Output:\n"
        r"hello",
        ended,
    )
    running = tool_text(await unified.exec_command("sleep 600", yield_time_ms=250))
    assert re.fullmatch(
        r"Chunk ID: .*\nWall time: .*\n"
        r"Process running with session ID \d{4,5}\n"
        r"Original token count: 0\nOutput:\n",
        running,
    )


async def test_a_command_goes_on_from_one_call_to_the_next_and_is_gone_after_its_end(
    unified: UnifiedExec,
) -> None:
    first = await unified.exec_command("cat; exit 5", tty=True, yield_time_ms=250)
    assert (first.exit_code, first.output) == (None, "")
    assert first.session_id is not None
    said = await unified.write_stdin(first.session_id, "hello\n")
    assert await until_output(unified, said, "hello\r\nhello\r\n")
    last = await unified.write_stdin(first.session_id, "\x04", yield_time_ms=30_000)
    assert (last.exit_code, last.session_id) == (5, None)
    with pytest.raises(errors.SessionUnknownError, match=str(first.session_id)) as unknown:
        await unified.write_stdin(first.session_id)
    assert (unknown.value.session_id, unknown.value.live) == (first.session_id, ())


@pytest.mark.parametrize("chars", ["", "\n", "\x03"])
async def test_what_a_command_wrote_between_calls_is_in_the_next_answer_and_its_end_too(
    unified: UnifiedExec, tmp_path: Path, chars: str
) -> None:
    go = tmp_path / "go"
    first = await unified.exec_command(
        f"until [ -e {go} ]; do sleep 0.01; done; echo late; exit 3", tty=True, yield_time_ms=250
    )
    assert first.session_id is not None
    go.touch()
    await eventually(lambda: unified.list()[0].exit_code == 3, what="its end")
    # What cannot be written any more is no error: the answer tells why.
    result = await unified.write_stdin(first.session_id, chars)
    assert (result.output, result.exit_code, result.session_id) == ("late\r\n", 3, None)


async def test_a_poll_waits_for_the_end_and_no_longer(unified: UnifiedExec) -> None:
    first = await unified.exec_command("sleep 1; echo done", yield_time_ms=250)
    assert first.session_id is not None
    last = await within(unified.write_stdin(first.session_id), what="the end")
    assert (last.output, last.exit_code) == ("done\n", 0)


async def test_control_c_reaches_a_command_with_a_terminal(unified: UnifiedExec) -> None:
    script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done"
    first = await unified.exec_command(script, tty=True, yield_time_ms=250)
    await until_output(unified, first, "ready")
    assert first.session_id is not None
    result = await unified.write_stdin(first.session_id, "\x03", yield_time_ms=30_000)
    assert "caught" in result.output
    assert result.exit_code == 9


async def test_control_c_interrupts_a_command_without_a_terminal_and_nothing_else_can_be_written(
    unified: UnifiedExec,
) -> None:
    first = await unified.exec_command(argv=programs.sleep(), yield_time_ms=250)
    assert first.session_id is not None
    with pytest.raises(errors.TerminalMissingError, match="tty=true"):
        await unified.write_stdin(first.session_id, "hello\n")
    result = await unified.write_stdin(first.session_id, "\x03", yield_time_ms=30_000)
    assert result.exit_code == 130


@pytest.mark.parametrize("tty", [False, True])
async def test_death_by_a_signal_is_128_and_its_number(unified: UnifiedExec, tty: bool) -> None:
    result = await unified.exec_command(argv=programs.die_by("TERM"), tty=tty)
    assert result.exit_code == 143


async def test_a_character_is_never_cut_in_the_middle_by_the_end_of_a_call(
    unified: UnifiedExec,
) -> None:
    script = "printf 'a\\342\\202'; read go; printf '\\254b'; read go"
    first = await unified.exec_command(f"stty -echo; {script}", tty=True, yield_time_ms=250)
    assert first.session_id is not None
    written = await until_output(unified, first, "a")
    written += await until_output(unified, await unified.write_stdin(first.session_id, "\n"), "b")
    assert written == "a€b"


async def test_more_output_than_is_held_keeps_its_beginning_and_its_end(
    unified: UnifiedExec,
) -> None:
    result = await unified.exec_command(
        argv=programs.numbered_lines(1, 400_000), max_output_tokens=1_000_000
    )
    everything = programs.expected_lines(1, 400_000)
    assert result.omitted_bytes == len(everything) - 1024 * 1024
    head, _, tail = result.output.partition(f"\n... {result.omitted_bytes} bytes omitted ...\n")
    assert everything.startswith(head.encode())
    assert everything.endswith(tail.encode())
    assert len(head) == len(tail) == 512 * 1024
    assert result.original_token_count == -(-len(everything) // 4)


async def test_a_command_that_floods_is_not_held_up_by_a_model_that_thinks(
    unified: UnifiedExec, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    first = await unified.exec_command(
        f"until [ -e {go} ]; do sleep 0.01; done; seq 1000000", yield_time_ms=250
    )
    assert first.session_id is not None
    go.touch()
    await eventually(lambda: unified.list()[0].exit_code == 0, what="its end")
    result = await unified.write_stdin(first.session_id)
    assert result.output.endswith("\n999999\n1000000\n")
    assert result.is_truncated


async def test_a_budget_leaves_out_the_middle(unified: UnifiedExec) -> None:
    result = await unified.exec_command(
        argv=programs.numbered_lines(1, 1_000), max_output_tokens=10
    )
    assert result.output == (
        "Warning: truncated output (original token count: 974)\n"
        "Total output lines: 1000\n\n"
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n10…964 tokens truncated…96\n997\n998\n999\n1000\n"
    )
    assert result.is_truncated


async def test_the_command_line_is_for_the_shell_that_is_named_or_the_hosts(
    unified: UnifiedExec, client: Client
) -> None:
    hosts = await unified.exec_command("echo $0")
    assert hosts.output == f"{client.host.shell.path}\n"
    assert (await unified.exec_command("echo $0", shell="/bin/sh")).output == "/bin/sh\n"
    for login, answer in ((True, "on"), (False, "off")):
        asked = await unified.exec_command(
            "shopt -q login_shell && echo on || echo off", shell="/bin/bash", login=login
        )
        assert asked.output == f"{answer}\n"
    assert (await unified.exec_command(argv=["echo", "$0"])).output == "$0\n"


async def test_a_directory_may_be_relative(unified: UnifiedExec, client: Client) -> None:
    assert (await unified.exec_command("pwd", workdir="/usr/bin/..")).output == "/usr\n"
    async with UnifiedExec(client, workdir="/usr") as elsewhere:
        assert (await elsewhere.exec_command("pwd")).output == "/usr\n"
        assert (await elsewhere.exec_command("pwd", workdir="bin")).output == "/usr/bin\n"


async def test_the_environment_is_the_hosts_with_plain_output_and_what_the_caller_says(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_ONLY", "secret")
    ids = thread_ids(thread_id="t-1") | EnvironmentDelta({"PAGER": "more"}, {"COLORTERM"})
    async with UnifiedExec(client, environment=ids) as unified:
        listing = await unified.exec_command(argv=["env"], env={"LANG": "C", "MINE": "1"})
    variables = dict(line.split("=", 1) for line in listing.output.splitlines())
    assert variables["AGENT_THREAD_ID"] == "t-1"
    assert variables["TERM"] == "dumb"
    assert (variables["PAGER"], variables["LANG"], variables["MINE"]) == ("more", "C", "1")
    assert "COLORTERM" not in variables
    assert "ORCHESTRATOR_ONLY" not in variables
    assert "HOME" in variables


async def test_a_host_that_does_not_take_all_of_the_usual_variables_can_be_given_others(
    tmp_path: Path,
) -> None:
    config = '[env.overlay]\ndeny = ["PAGER"]\n'
    with running_service(tmp_path, config=config) as server:
        async with connect(server.url) as client:
            async with UnifiedExec(client) as unified:
                with pytest.raises(errors.EnvironmentRefusedError, match="PAGER"):
                    await unified.exec_command("true")
            plain = EnvironmentDelta({"NO_COLOR": "1"})
            async with UnifiedExec(client, base_environment=plain) as unified:
                assert (await unified.exec_command("echo $NO_COLOR")).output == "1\n"


@pytest.mark.parametrize("host", ["token", "unix", "embedded"])
async def test_it_works_on_any_host(
    host: str, tokened_service: Server, unix_service: Server
) -> None:
    opening = {
        "token": lambda: connect(tokened_service.url, token=tokened_service.token),
        "unix": lambda: connect(unix_service.url),
        "embedded": connect,
    }[host]()
    async with opening as client, UnifiedExec(client) as unified:
        result = await unified.exec_command("echo $TERM; exit 3", login=False)
    assert (result.output, result.exit_code) == ("dumb\n", 3)


async def test_what_cannot_be_started_is_told_and_leaves_nothing(unified: UnifiedExec) -> None:
    with pytest.raises(errors.ProgramNotFoundError):
        await unified.exec_command(argv=["no-such-program"])
    with pytest.raises(errors.WorkingDirectoryError):
        await unified.exec_command("true", workdir="/no/such/directory")
    for wrong in (
        unified.exec_command(),
        unified.exec_command(" "),
        unified.exec_command("true", argv=["true"]),
        unified.exec_command(argv=[]),
    ):
        with pytest.raises(errors.CommandLineError):
            await wrong
    assert unified.list() == ()


async def test_a_command_whose_output_is_held_open_in_the_background_has_ended(
    unified: UnifiedExec,
) -> None:
    result = await within(
        unified.exec_command("sleep 600 & echo $!; exit 4", yield_time_ms=30_000), what="its end"
    )
    assert (result.exit_code, result.session_id) == (4, None)
    assert procfs.is_alive(int(result.output))
