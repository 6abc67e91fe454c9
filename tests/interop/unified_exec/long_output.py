"""Output that is longer than a model wants, or than anybody keeps, or that is no text."""

from tests.harness.scripted_model import Script
from tests.interop.unified_exec.stage import (
    Difference,
    Stage,
    alive,
    differences,
    ended,
    scenario,
)


@scenario()
def output_within_the_budget_comes_whole(stage: Stage) -> Script:
    result = yield from stage.exec_command("seq 1 5000", max_output_tokens=10_000)
    assert ended(result) == 0
    assert result.output.split() == [str(number) for number in range(1, 5_001)]


@scenario()
def output_beyond_the_budget_has_its_head_and_its_tail(stage: Stage) -> Script:
    for budget in (1_000, 101, 10, 1):
        result = yield from stage.exec_command("seq 1 20000", max_output_tokens=budget)
        assert ended(result) == 0


@scenario()
def a_budget_of_nothing_leaves_a_marker(stage: Stage) -> Script:
    result = yield from stage.exec_command("seq 1 2000", max_output_tokens=0)
    assert ended(result) == 0


@scenario()
def output_at_the_edge_of_the_budget_comes_whole(stage: Stage) -> Script:
    for length in (399, 400, 401, 404, 405):
        result = yield from stage.exec_command(
            f"head -c {length} /dev/zero | tr '\\0' x", max_output_tokens=100
        )
        assert ended(result) == 0


@scenario()
def the_budget_without_a_wish_is_the_usual(stage: Stage) -> Script:
    result = yield from stage.exec_command("seq 1 20000")
    assert ended(result) == 0


@scenario()
def a_long_line_is_cut_in_its_middle(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "i=0; while [ $i -lt 3000 ]; do printf %05d- $i; i=$((i+1)); done",
        max_output_tokens=50,
        login=False,
    )
    assert ended(result) == 0


@scenario()
def characters_are_not_cut_by_the_budget(stage: Stage) -> Script:
    for budget in (50, 51, 52, 53):
        result = yield from stage.exec_command(
            "i=0; while [ $i -lt 200 ]; do printf 'aé€😀'; i=$((i+1)); done",
            max_output_tokens=budget,
            login=False,
        )
        assert ended(result) == 0
        assert "\ufffd" not in result.output


@scenario()
def output_beyond_a_mebibyte_has_its_head_and_its_tail(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "head -c 1600000 /dev/zero | tr '\\0' x; echo end", max_output_tokens=1_000
    )
    assert ended(result) == 0
    assert result.output.endswith("xend\n")


@scenario()
def output_beyond_a_mebibyte_that_nobody_polled_has_its_head_and_its_tail(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "while [ ! -e go ]; do sleep 0.05; done; "
        "head -c 2000000 /dev/zero | tr '\\0' x; echo end; touch done",
        yield_time_ms=300,
    )
    session_id = alive(result)
    stage.make("go")
    stage.await_file("done")
    # Time for what was written to get to the orchestrator.
    other = yield from stage.exec_command("sleep 0.5")
    assert ended(other) == 0
    result = yield from stage.write_stdin(session_id, max_output_tokens=1_000)
    assert ended(result) == 0
    assert result.output.endswith("xend\n")


@scenario()
def output_beyond_a_mebibyte_has_a_marker_in_its_middle(stage: Stage) -> Script:
    result = yield from stage.exec_command("seq 1 200000", max_output_tokens=500_000)
    assert ended(result) == 0
    head, _, tail = result.output.partition(" bytes omitted ...\n")
    assert head.startswith("1\n2\n")
    assert tail.endswith("\n199999\n200000\n")


@scenario(
    *differences(
        "a character at the edge of what is omitted",
        0,
        1,
        codex=r"\ufffd+\n\.\.\. \d+ bytes omitted \.\.\.\n\ufffd+",
        ours=r"\n\.\.\. \d+ bytes omitted \.\.\.\n",
        why="Half a character is no use to a model: it is omitted whole, and counted.",
    )
)
def characters_are_not_cut_by_the_omission(stage: Stage) -> Script:
    # Both edges of what the buffer holds are in the middle of a character.
    for text in ("€", "aé€😀"):
        result = yield from stage.exec_command(
            f"yes {text} | head -n 400000 | tr -d '\\n'", login=False, max_output_tokens=500_000
        )
        assert ended(result) == 0


@scenario()
def the_marker_of_what_is_omitted_is_told_also_where_the_budget_cuts_it(stage: Stage) -> Script:
    # 1 MiB is 262,144 tokens, and the marker is 31 bytes.
    result = yield from stage.exec_command(
        "head -c 1600000 /dev/zero | tr '\\0' x", login=False, max_output_tokens=262_148
    )
    assert ended(result) == 0


@scenario()
def each_poll_has_a_budget_of_its_own(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "seq 1 1000; while [ ! -e go ]; do sleep 0.05; done; seq 1 1000",
        yield_time_ms=1_500,
        max_output_tokens=20,
    )
    session_id = alive(result)
    stage.make("go")
    result = yield from stage.write_stdin(session_id, max_output_tokens=5)
    assert ended(result) == 0


def _flood(stage: Stage, *, tty: bool) -> Script:
    result = yield from stage.exec_command(
        "exec yes", login=False, tty=tty, yield_time_ms=500, max_output_tokens=10
    )
    session_id = alive(result)
    assert result.output.startswith("Warning: truncated output")
    # How much there is, then and later, is another with every run.
    stage.moments[-1] = "alive"
    result = yield from stage.write_stdin(
        session_id, "\x03", yield_time_ms=10_000, max_output_tokens=10
    )
    stage.moments[-1] = f"ended with {ended(result)}"


@scenario()
def a_flood_can_be_interrupted(stage: Stage) -> Script:
    yield from _flood(stage, tty=False)


@scenario(is_of_our_host=True)
def a_flood_on_a_terminal_can_be_interrupted(stage: Stage) -> Script:
    yield from _flood(stage, tty=True)


@scenario()
def a_character_whose_bytes_come_one_by_one_is_one(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        r"for byte in '\360' '\237' '\230' '\200' '\303' '\251' '\n'; do "
        'printf "$byte"; sleep 0.1; done',
        login=False,
    )
    assert (ended(result), result.output) == (0, "😀é\n")


_CUT = "a character that a yield cuts"
_WHY_CUT = "A character whose bytes come with two answers is whole in the second."


@scenario(
    Difference(_CUT, 0, codex="caf\ufffd$", ours="caf$", why=_WHY_CUT),
    Difference(_CUT, 1, codex="1\nOutput:\n\ufffd!\n", ours="1\nOutput:\né!\n", why=_WHY_CUT),
)
def a_character_that_is_cut_by_the_end_of_a_call(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        r"printf 'caf\303'; while [ ! -e go ]; do sleep 0.05; done; printf '\251!\n'",
        login=False,
        yield_time_ms=1_500,
    )
    session_id = alive(result)
    stage.make("go")
    result = yield from stage.write_stdin(session_id)
    assert ended(result) == 0


@scenario()
def bytes_that_are_no_text_are_replaced(stage: Stage) -> Script:
    for octal in (
        r"a\377\376b",  # no character begins so
        r"\303(\n",  # a character that is not continued
        r"\355\240\200",  # a surrogate
        r"\360\237\222",  # cut by the end
        r"\300\200 \370\210\200\200\200 \200",  # overlong, too long, a continuation of nothing
        r"\0 \033[31m \007 \b \r\n",  # control characters are text
    ):
        result = yield from stage.exec_command(f"printf '{octal}'", login=False)
        assert ended(result) == 0
