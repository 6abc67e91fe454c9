"""Programs on a terminal: prompts, keys, signals from the keyboard, redrawing."""

import hashlib

from tests.harness.scripted_model import Script
from tests.interop.unified_exec.stage import Difference, Stage, alive, ended, scenario

_PROGRESS = """
import sys
for percent in range(0, 101, 5):
    bar = "#" * (percent // 5)
    sys.stdout.write(f"\\r\\x1b[2K[{bar:<20}] {percent:3d} %")
    sys.stdout.flush()
sys.stdout.write("\\n")
"""

_MENU = """
import sys, termios, tty
saved = termios.tcgetattr(0)
tty.setraw(0)
items, at = ["one", "two", "three"], 0
try:
    sys.stdout.write("\\x1b[?1049h")
    while True:
        sys.stdout.write("\\x1b[H\\x1b[J")
        for number, item in enumerate(items):
            sys.stdout.write(("> " if number == at else "  ") + item + "\\r\\n")
        sys.stdout.write("ready")
        sys.stdout.flush()
        key = sys.stdin.read(1)
        if key == "\\x1b":
            key += sys.stdin.read(2)
        if key == "\\x1b[B":
            at = min(at + 1, len(items) - 1)
        elif key == "\\x1b[A":
            at = max(at - 1, 0)
        elif key == "\\r":
            break
finally:
    sys.stdout.write("\\x1b[?1049l")
    sys.stdout.flush()
    termios.tcsetattr(0, termios.TCSADRAIN, saved)
print("chosen", items[at])
"""


@scenario()
def a_terminal_is_a_terminal_of_the_usual_size(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "for fd in 0 1 2; do test -t $fd; echo $?; done; stty size; stty -a | tail -n 1",
        tty=True,
        login=False,
    )
    assert ended(result) == 0
    assert result.output.startswith("0\r\n0\r\n0\r\n24 80\r\n")


@scenario()
def a_terminal_ends_lines_with_a_carriage_return(stage: Stage) -> Script:
    result = yield from stage.exec_command("printf 'a\\nb\\r\\nc'; echo d >&2", tty=True)
    assert (ended(result), result.output) == (0, "a\r\nb\r\r\ncd\r\n")


@scenario()
def a_python_prompt_answers_is_interrupted_and_ends(stage: Stage) -> Script:
    result = yield from stage.exec_until(">>> ", "python3 -q", tty=True, yield_time_ms=1_500)
    session_id = alive(result)
    yield from stage.write_until(">>> ", session_id, "print(6*7)\n", yield_time_ms=500)
    busy = "import time; print('in', flush=True); time.sleep(600)\n"
    yield from stage.write_until("\r\nin\r\n", session_id, busy, yield_time_ms=500)
    yield from stage.write_until("KeyboardInterrupt\r\n>>> ", session_id, "\x03", yield_time_ms=700)
    result = yield from stage.write_stdin(session_id, "exit(5)\n", yield_time_ms=5_000)
    assert (ended(result), result.output) == (5, "exit(5)\r\n")


@scenario()
def a_question_is_answered(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "name? ",
        'printf "name? "; read name; echo "hello $name"',
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    result = yield from stage.write_stdin(alive(result), "Zoë\n", yield_time_ms=5_000)
    assert (ended(result), result.output) == (0, "Zoë\r\nhello Zoë\r\n")


@scenario()
def a_password_is_not_echoed(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "word: ",
        'stty -echo; printf "word: "; read word; stty echo; echo; echo "${#word} characters"',
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    result = yield from stage.write_stdin(alive(result), "secret\n", yield_time_ms=5_000)
    assert (ended(result), result.output) == (0, "\r\n6 characters\r\n")


@scenario()
def a_line_is_edited_before_it_is_sent(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready", "echo ready; exec cat", tty=True, login=False, yield_time_ms=700
    )
    session_id = alive(result)
    yield from stage.write_until(
        "\r\nright\r\n", session_id, "wrong\x15rigth\x7f\x7fht\n", yield_time_ms=500
    )
    # A ^D behind text sends the text, the next one ends the input.
    result = yield from stage.write_stdin(session_id, "end\x04\x04", yield_time_ms=5_000)
    assert (ended(result), result.output) == (0, "endend")


@scenario(
    Difference(
        what="after the end, output still open",
        moment=0,
        codex=r"Process running",
        ours=r"Process exited with code 5",
        why="A command has ended when it has, also where something that it left in the background"
        " still holds its terminal open; Codex waits, and calls it running.",
    )
)
def what_survives_the_end_of_its_terminal_does_not_keep_the_command_alive(
    stage: Stage,
) -> Script:
    result = yield from stage.exec_command(
        "(trap '' HUP; touch deaf; exec sleep 600) & while [ ! -e deaf ]; do sleep 0.05; done; "
        "echo $! >pid; echo main; exit 5",
        tty=True,
        login=False,
        yield_time_ms=1_500,
    )
    assert result.output == "main\r\n"
    result = yield from stage.exec_command('kill -0 "$(cat pid)"; echo $?')
    assert (ended(result), result.output) == (0, "0\n")


@scenario()
def an_interrupt_is_ignored(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready",
        "trap '' INT; echo ready; read line; echo $line; exit 3",
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    session_id = alive(result)
    result = yield from stage.write_until("^C", session_id, "\x03", yield_time_ms=250)
    assert alive(result) == session_id
    result = yield from stage.write_stdin(session_id, "on\n", yield_time_ms=5_000)
    assert (ended(result), result.output) == (3, "on\r\non\r\n")


@scenario()
def output_is_held_by_its_key_and_goes_on(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready",
        "stty -echo; echo ready; read line; echo said; read line; exit 3",
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    session_id = alive(result)
    result = yield from stage.write_stdin(session_id, "\x13go\n", yield_time_ms=250)
    assert result.output == ""
    yield from stage.write_until("said\r\n", session_id, "\x11", yield_time_ms=400)
    result = yield from stage.write_stdin(session_id, "\n", yield_time_ms=5_000)
    assert (ended(result), result.output) == (3, "")


@scenario()
def the_end_of_a_terminal_ends_what_is_in_its_background(stage: Stage) -> Script:
    result = yield from stage.exec_command(
        "sleep 600 & echo $! >pid; echo main; exit 5", tty=True, login=False, yield_time_ms=2_000
    )
    assert (ended(result), result.output) == (5, "main\r\n")


@scenario(is_of_our_host=True)
def an_interrupt_ends_a_command(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready", "echo ready; exec sleep 600", tty=True, yield_time_ms=700
    )
    result = yield from stage.write_stdin(alive(result), "\x03", yield_time_ms=5_000)
    assert (ended(result), result.output) == (130, "^C")


@scenario(is_of_our_host=True)
def a_quit_ends_a_command(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready", "ulimit -c 0; echo ready; exec sleep 600", tty=True, yield_time_ms=700
    )
    result = yield from stage.write_stdin(alive(result), "\x1c", yield_time_ms=5_000)
    assert (ended(result), result.output) == (131, "^\\")


@scenario()
def an_interrupt_is_caught(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready",
        "trap 'echo caught; exit 12' INT; echo ready; while :; do sleep 0.05; done",
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    result = yield from stage.write_stdin(alive(result), "\x03", yield_time_ms=5_000)
    assert (ended(result), result.output) == (12, "^Ccaught\r\n")


@scenario()
def the_end_of_input_ends_a_reader(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready", "echo ready; cat; echo behind", tty=True, yield_time_ms=700
    )
    session_id = alive(result)
    yield from stage.write_until("line\r\nline\r\n", session_id, "line\n", yield_time_ms=500)
    result = yield from stage.write_stdin(session_id, "\x04", yield_time_ms=5_000)
    assert (ended(result), result.output) == (0, "behind\r\n")


@scenario()
def a_shell_stops_and_resumes_its_job(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "$ ",
        "PS1='$ ' PS2= exec bash --noprofile --norc --noediting -i",
        tty=True,
        login=False,
        yield_time_ms=1_000,
    )
    session_id = alive(result)
    yield from stage.write_until("sleep 600\r\n", session_id, "sleep 600\n", yield_time_ms=700)
    yield from stage.write_until("Stopped", session_id, "\x1a", yield_time_ms=700)
    yield from stage.write_until("\r\n42\r\n$ ", session_id, "echo $((6*7))\n", yield_time_ms=500)
    yield from stage.write_until("fg\r\nsleep 600\r\n", session_id, "fg\n", yield_time_ms=500)
    yield from stage.write_until("^C\r\n$ ", session_id, "\x03", yield_time_ms=700)
    result = yield from stage.write_stdin(session_id, "exit 3\n", yield_time_ms=5_000)
    assert ended(result) == 3


@scenario()
def a_progress_bar_redraws_its_line(stage: Stage) -> Script:
    (stage.directory / "progress.py").write_text(_PROGRESS)
    result = yield from stage.exec_command("python3 progress.py", tty=True)
    assert ended(result) == 0
    assert result.output.count("\r\x1b[2K[") == 21


@scenario()
def a_menu_is_redrawn_at_every_key(stage: Stage) -> Script:
    (stage.directory / "menu.py").write_text(_MENU)
    result = yield from stage.exec_until("ready", "python3 menu.py", tty=True, yield_time_ms=1_000)
    session_id = alive(result)
    for key in ("\x1b[B", "\x1b[B", "\x1b[A"):
        yield from stage.write_until("ready", session_id, key, yield_time_ms=400)
    result = yield from stage.write_stdin(session_id, "\r", yield_time_ms=5_000)
    assert ended(result) == 0
    assert result.output.endswith("chosen two\r\n")


@scenario()
def a_long_line_of_input_is_read_whole(stage: Stage) -> Script:
    text = "".join(f"{number:04d}" for number in range(900))
    result = yield from stage.exec_until(
        "ready",
        'stty -echo; echo ready; read line; echo "${#line}"; echo "$line"',
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    result = yield from stage.write_stdin(alive(result), f"{text}\n", yield_time_ms=5_000)
    assert (ended(result), result.output) == (0, f"3600\r\n{text}\r\n")


@scenario()
def a_paste_is_read_whole(stage: Stage) -> Script:
    text = 50_000 * "é€"
    result = yield from stage.exec_until(
        "ready",
        f"stty raw -echo; echo ready; head -c {len(text.encode())} | sha256sum; exit 4",
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    result = yield from stage.write_stdin(alive(result), text, yield_time_ms=10_000)
    assert ended(result) == 4
    assert hashlib.sha256(text.encode()).hexdigest() in result.output


@scenario()
def a_paste_that_is_read_later_holds_nobody_up(stage: Stage) -> Script:
    result = yield from stage.exec_until(
        "ready",
        "stty raw -echo; echo ready; while [ ! -e go ]; do sleep 0.05; done; "
        "head -c 100001 | tail -c 1",
        tty=True,
        login=False,
        yield_time_ms=700,
    )
    session_id = alive(result)
    for chars in (100_000 * "x", "y"):
        result = yield from stage.write_stdin(session_id, chars, yield_time_ms=250)
        assert (alive(result), result.output) == (session_id, "")
    stage.make("go")
    result = yield from stage.write_stdin(session_id)
    assert (ended(result), result.output) == (0, "y")
