"""`telexec run -d`, and `ps`, `logs` and `kill` for what it left."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from telexec_client import connect, sync
from tests.harness import procfs, programs
from tests.harness.deadline import eventually_blocking
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import running_service, service_argv
from tests.integration.cli.command import Ended, running, telexec
from tests.integration.cli.users import CONFIG, User


def test_a_process_goes_on_without_telexec_and_is_found_again(user: User) -> None:
    name = user.leaves("--", *programs.say_and_sleep("said"))
    assert re.fullmatch(r"sh-[0-9a-f]{4}/[0-9a-f]{8}", name)
    (process,) = user.listed()
    session, _, beginning = name.partition("/")
    assert (process["session"], process["state"]) == (session, "running")
    assert process["processId"].startswith(beginning)
    eventually_blocking(
        lambda: user.does("logs", name).stdout == b"said", what="what the process says"
    )
    assert user.does("kill", name) == Ended(0, b"", b"")
    (process,) = user.listed()
    assert (process["state"], process["signal"], process["reason"]) == (
        "closed",
        "SIGTERM",
        "terminated",
    )
    assert not procfs.is_alive(process["pid"])


def test_a_session_of_a_name_takes_further_processes(user: User) -> None:
    first = user.leaves("--name", "several", "--", *programs.sleep())
    second = user.leaves("--name", "several", "--", *programs.sleep())
    assert first.startswith("several/")
    assert {f"several/{it['processId'][:8]}" for it in user.listed("several")} == {first, second}
    assert user.does("kill", first, second).exit_code == 0
    assert {it["signal"] for it in user.listed()} == {"SIGTERM"}


def test_many_at_the_same_moment_share_a_session(user: User) -> None:
    arguments = ["run", "-d", "--name", "crowd", "--keep", "1h", "--", *programs.sleep()]
    with (
        running(arguments, env=user.env) as a,
        running(arguments, env=user.env) as b,
        running(arguments, env=user.env) as c,
    ):
        ended = [it.ended() for it in (a, b, c)]
    assert [(it.exit_code, it.stderr) for it in ended] == [(0, b"")] * 3
    assert len(user.listed("crowd")) == 3
    assert user.does("kill", "--session", "crowd").exit_code == 0


def test_what_was_left_is_noted_for_its_owner_alone_and_without_the_token(
    tokened_service: Server, tmp_path: Path
) -> None:
    assert tokened_service.token is not None
    (tmp_path / "token").write_text(tokened_service.token)
    state = tmp_path / "state"
    env = {"TELEXEC_URL": tokened_service.url, "XDG_STATE_HOME": str(state)}
    start = ("run", "-d", "--token-file", "token", "--", *programs.sleep())
    started = telexec(*start, env=env, directory=tmp_path)
    assert started.exit_code == 0
    (file,) = (state / "telexec").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert tokened_service.token not in file.read_text()
    # Neither the token nor the directory has to be said again.
    name = started.stdout.decode().strip()
    assert telexec("kill", name, env=env) == Ended(0, b"", b"")


def test_one_line_of_json_says_all_there_is_to_know(user: User) -> None:
    ended = user.does("run", "-d", "--json", "--keep", "1h", "--name", "said", "--", "true")
    started = json.loads(ended.stdout)
    assert (started["session"], started["leaseMs"]) == ("said", 3_600_000)
    (process,) = user.listed("said")
    assert (process["processId"], process["pid"]) == (started["process"], started["pid"])


def test_less_time_than_was_asked_for_is_said_with_what_to_do(user: User) -> None:
    ended = user.does("run", "-d", "--keep", "2h", "--name", "short", "--", "true")
    assert ended.exit_code == 0
    assert ended.stderr.startswith(b"telexec: the host keeps short for 1 h without a client, and")
    assert b"max_lease_s" in ended.stderr
    # Who adds to a session does not ask for anything.
    again = user.does("run", "-d", "--name", "short", "--", "true")
    assert (again.exit_code, again.stderr) == (0, b"")


def test_the_output_that_nobody_reads_does_not_hold_the_process_up(user: User) -> None:
    name = user.leaves("--", *programs.numbered_lines(1, 400_000))
    user.waits_for_the_end(name)
    ended = user.does("logs", name)
    whole = programs.expected_lines(1, 400_000)
    assert whole.endswith(ended.stdout)
    missing = len(whole) - len(ended.stdout)
    assert missing > 0
    assert ended.stderr.decode() == (
        f"telexec: {missing} bytes of output are missing here: the host keeps no more\n"
    )
    tail = user.does("logs", "-n", "2", name)
    assert tail == Ended(0, b"399999\n400000\n", b"")


def test_output_and_errors_are_told_apart(user: User) -> None:
    name = user.leaves("--", *programs.say_both("out\n", "err\n"))
    user.waits_for_the_end(name)
    assert user.does("logs", name) == Ended(0, b"out\n", b"err\n")
    assert user.does("logs", "--stdout", name) == Ended(0, b"out\n", b"")
    assert user.does("logs", "--stderr", name) == Ended(0, b"err\n", b"")


def test_following_begins_with_the_last_lines_and_goes_on_to_the_end(
    user: User, tmp_path: Path
) -> None:
    script = 'seq 9; until [ -e "$1" ]; do sleep 0.02; done; echo last; exit 3'
    go = tmp_path / "go"
    name = user.leaves("-e", "PATH", "--", *programs.shell(script, str(go)))
    eventually_blocking(lambda: user.does("logs", name).stdout.endswith(b"9\n"), what="its lines")
    with running(["logs", "-f", "-n", "2", name], env=user.env) as following:
        assert following.read_until(b"9\n") == b"8\n9\n"
        go.touch()
        assert following.ended() == Ended(0, b"8\n9\nlast\n", b"")


def test_who_follows_takes_the_session_from_nobody(user: User) -> None:
    name = user.leaves("--name", "watched", "--", *programs.say_and_sleep("said\n"))
    with running(["logs", "-f", name], env=user.env) as following:
        following.read_until(b"said\n")
        # The session is free for who wants to have it.
        user.leaves("--name", "watched", "--", *programs.succeed())
        assert following.is_running
        asyncio.run(_end_session(user.url, "watched"))
        ended = following.ended()
    assert (ended.exit_code, ended.stderr) == (
        125,
        b"telexec: cannot print more: session watched has ended, and its output is gone\n",
    )


async def _end_session(url: str, session: str) -> None:
    async with connect(url, session=session, session_mode="resume"):
        pass


def test_who_follows_sees_the_end_of_a_process_that_is_ended(user: User) -> None:
    name = user.leaves("--", *programs.say_and_sleep("said\n"))
    with running(["logs", "-f", name], env=user.env) as following:
        following.read_until(b"said\n")
        assert user.does("kill", "--session", name.partition("/")[0]).exit_code == 0
        assert following.ended() == Ended(0, b"said\n", b"")


def test_a_reader_that_has_seen_enough_is_no_failure(user: User) -> None:
    until_unread = programs.shell("while echo tick; do sleep 0.05; done")
    name = user.leaves("-e", "PATH", "--", *until_unread)
    with running(["logs", "-f", name], env=user.env) as following:
        following.read_until(b"tick\n")
        following.close_stdout()
        ended = following.ended()
    assert (ended.exit_code, ended.stderr) == (141, b"")
    assert user.does("kill", name).exit_code == 0


def test_a_signal_is_sent_by_name_or_number_and_ends_nothing_by_itself(user: User) -> None:
    script = "trap 'echo hup' HUP; trap 'echo usr; exit 5' USR1; echo ready; while :; do :; done"
    name = user.leaves("--", *programs.shell(script))

    def says(text: bytes) -> None:
        eventually_blocking(lambda: text in user.does("logs", name).stdout, what=repr(text))

    says(b"ready")
    assert user.does("kill", "-s", "HUP", name).exit_code == 0
    says(b"hup")
    (process,) = user.listed()
    assert process["state"] == "running"
    assert user.does("kill", "-s", str(int(signal.SIGUSR1)), name).exit_code == 0
    user.waits_for_the_end(name)
    (process,) = user.listed()
    assert process["exitCode"] == 5


def test_ending_a_process_ends_its_tree_after_a_grace(user: User) -> None:
    name = user.leaves("--", *programs.family(3))
    eventually_blocking(lambda: user.does("logs", name).stdout, what="the pids")
    pids = [int(it) for it in user.does("logs", name).stdout.split()]
    assert user.does("kill", name).exit_code == 0
    assert [pid for pid in pids if procfs.is_alive(pid)] == []


def test_what_is_not_there_is_told_by_the_exit_code_and_the_rest_is_ended(user: User) -> None:
    name = user.leaves("--name", "there", "--", *programs.sleep())
    ended = user.does("kill", "there/zzz", "nowhere", name)
    assert ended.exit_code == 1
    assert b"'zzz' in session 'there'" in ended.stderr
    assert b"cannot find session 'nowhere'" in ended.stderr
    assert user.listed("there")[0]["signal"] == "SIGTERM"
    assert user.does("kill", "-s", "NOPE", name).exit_code == 125
    assert user.does("ps", "nowhere").exit_code == 1
    assert user.does("logs", "nowhere").exit_code == 125


def test_a_session_that_ended_is_forgotten_and_telexec_says_why(user: User) -> None:
    name = user.leaves("--name", "mine", "--", *programs.sleep())
    assert user.does("kill", "--session", "mine") == Ended(0, b"", b"")
    assert user.listed() == []
    user.leaves("--name", "mine", "--", *programs.sleep())
    stolen = telexec("kill", "--session", "mine", env={**user.env, "HOME": "/nonexistent"})
    assert stolen.exit_code == 0
    ended = user.does("logs", name)
    assert ended.exit_code == 125
    assert ended.stderr == (
        b"telexec: cannot find session 'mine': it was ended, and its output is gone\n"
    )
    assert user.does("ps").stderr.startswith(b"telexec: no sessions")


def test_a_lease_that_ran_out_is_told_with_its_time(user: User) -> None:
    ended = user.does("run", "-d", "--keep", "1ms", "--name", "brief", "--", *programs.sleep())
    assert ended.exit_code == 0
    user.leaves("--name", "long", "--", *programs.sleep())

    def listed() -> Ended:
        return user.does("ps")

    told = listed()
    while b"brief" in told.stdout:
        told = listed()
    assert re.match(
        rb"telexec: forgot session brief of ws://\S+: its lease of 0 s ran out at [\d: -]+\n$",
        told.stderr,
    )
    assert b"long" in told.stdout
    assert listed().stderr == b""
    assert user.does("kill", "--session", "long").exit_code == 0


def test_a_host_that_was_started_anew_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    environment = minimal_environment(tmp_path)
    options = ("--no-auth", "--config", str(config))
    argv = service_argv("ws://127.0.0.1:0", *options)
    with running_server(argv, env=environment, directory=tmp_path, expect_graceful=False) as first:
        user = User(tmp_path / "home", first.url)
        user.leaves("--name", "gone", "--", *programs.sleep())
        first.send_signal(signal.SIGKILL)
        eventually_blocking(lambda: first.exit_code is not None, what="the host's end")
    argv = service_argv(first.url, *options)
    with running_server(argv, env=environment, directory=tmp_path):
        told = user.does("ps")
    assert told.exit_code == 0
    assert b"forgot session gone of" in told.stderr
    assert b"the host was started anew" in told.stderr


def test_another_client_that_has_the_session_is_not_disturbed_unless_asked(
    user: User, patient: Server
) -> None:
    user.leaves("--name", "held", "--", *programs.sleep())
    code = (
        "import asyncio, sys\n"
        "from telexec_client import connect, errors\n"
        "async def main():\n"
        "    held = dict(session='held', session_mode='resume')\n"
        "    async with connect(sys.argv[1], **held) as client:\n"
        "        (entry,) = (await client.processes()).processes\n"
        "        async with client.attach(entry.process_id) as process:\n"
        "            print('have', flush=True)\n"
        "            try:\n"
        "                await process.wait()\n"
        "            except errors.SessionTakenOverError:\n"
        "                print('lost', flush=True)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, patient.url], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"have\n"
        ended = user.does("kill", "held")
        assert ended.exit_code == 125
        assert ended.stderr == (
            b"telexec: cannot have session 'held': another client is connected to it; wait until "
            b"it has left, or take the session from it with --take-over\n"
        )
        assert user.does("kill", "--take-over", "held") == Ended(0, b"", b"")
        assert holder.stdout.readline() == b"lost\n"
    assert user.listed("held")[0]["signal"] == "SIGTERM"


def test_a_session_that_others_left_is_found_by_its_host(user: User, stranger: User) -> None:
    name = user.leaves("--name", "theirs", "--", *programs.say("said"))
    user.waits_for_the_end(name)
    assert stranger.does("logs", name).stdout == b"said"
    assert [it["session"] for it in stranger.listed("theirs")] == ["theirs"]
    everything = stranger.listed("--all")
    assert name.split("/")[1] in {it["processId"][:8] for it in everything}
    nowhere = replace(stranger, url="")
    ended = nowhere.does("logs", name)
    assert ended.exit_code == 125
    assert b"--url" in ended.stderr


def test_a_host_that_has_a_name_is_the_same_one_as_by_its_url(user: User, tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(f'[hosts.one]\nurl = "{user.url}/"\n')
    env = {"HOME": str(user.home), "TELEXEC_HOSTS": str(tmp_path / "hosts.toml")}
    start = ("run", "-d", "--host", "one", "--name", "by-name", "--", *programs.say("said"))
    assert telexec(*start, env=env).exit_code == 0
    user.waits_for_the_end("by-name")
    for options in ([], ["--host", "one"], ["--url", user.url]):
        assert telexec("logs", *options, "by-name", env=env).stdout == b"said"
        listed = json.loads(telexec("ps", *options, "--json", env=env).stdout)
        assert [it["session"] for it in listed["sessions"]] == ["by-name"]
    ended = telexec("logs", "--host", "two", "by-name", env=env)
    assert ended.exit_code == 125
    assert b"two" in ended.stderr


def test_sessions_of_every_worker_of_a_host_are_found(tmp_path: Path) -> None:
    with running_service(tmp_path, config=CONFIG, options=["--workers", "3"]) as crew:
        user = User(tmp_path / "home", crew.url)
        stranger = User(tmp_path / "elsewhere", crew.url)
        names = [f"s{number}" for number in range(6)]
        left = [user.leaves("--name", it, "--", *programs.say(it)) for it in names]
        told = user.does("ps")
        assert (told.exit_code, told.stderr) == (0, b"")
        assert {line.split()[0] for line in told.stdout.decode().splitlines()[1:]} == set(names)
        for someone in (user, stranger):
            for name, process in zip(names, left, strict=True):
                assert someone.does("logs", "-f", process).stdout.decode() == name
                assert len(someone.listed(name)) == 1
        assert stranger.does("logs", "s7").exit_code == 125
        assert user.does("kill", "--session", *names).exit_code == 0
        assert user.listed() == []


def test_all_sessions_of_every_worker_are_listed_and_can_be_had(tmp_path: Path) -> None:
    with running_service(tmp_path, config=CONFIG, options=["--workers", "3"]) as crew:
        user = User(tmp_path / "home", crew.url)
        stranger = User(tmp_path / "elsewhere", crew.url)
        left = {
            name: user.leaves("--name", name, "-i", "--", *programs.echo())
            for name in ("build", "test", "deploy", "docs", "lint")
        }
        told = stranger.does("ps", "--all", "--json")
        assert (told.exit_code, told.stderr) == (0, b"")
        listed = json.loads(told.stdout)["sessions"]
        assert {it["session"] for it in listed} == set(left)
        assert {len(it["processes"]) for it in listed} == {1}
        for name, process in left.items():
            attach = ["attach", process]
            with running(attach, env=stranger.env, stdin=subprocess.PIPE) as command:
                command.write(b"heard\n")
                assert command.read_until(b"\n") == b"heard\n"
                command.close_stdin()
                assert command.ended().exit_code == 0
            assert stranger.does("logs", process).stdout == b"heard\n"
            assert stranger.does("kill", "--session", name) == Ended(0, b"", b"")
        told = stranger.does("ps", "--all")
        assert (told.exit_code, told.stdout) == (0, b"")


def test_what_a_worker_that_does_not_answer_has_is_said_to_be_missing(tmp_path: Path) -> None:
    with running_service(tmp_path, config=CONFIG, options=["--workers", "2"]) as crew:
        user = User(tmp_path / "home", crew.url)
        names = ("build", "test", "deploy", "docs")
        for name in names:
            user.leaves("--name", name, "--", *programs.succeed())
        with ExitStack() as held:
            clients = [held.enter_context(sync.connect(crew.url)) for _ in range(4)]
            worker = clients[0].session_id[-2:]
            # It has connections, and the other none, which gets the next ones therefore.
            for client in clients:
                if client.session_id[-2:] != worker:
                    client.close()
            hanging = int(clients[0].run(programs.shell("echo $PPID")).stdout)
            os.kill(hanging, signal.SIGSTOP)
            try:
                told = user.does("ps", "--all", "--json")
            finally:
                os.kill(hanging, signal.SIGCONT)
        shown = {it["session"] for it in json.loads(told.stdout)["sessions"]}
        assert told.exit_code == 1
        assert 0 < len(shown) < len(names)
        assert told.stderr.decode() == (
            f"telexec: cannot list the sessions of worker {int(worker)} of {crew.url}: no answer;"
            " all others are listed\n"
        )


def test_a_host_that_is_down_is_said_and_the_others_are_listed(user: User, tmp_path: Path) -> None:
    with running_service(tmp_path, config=CONFIG) as other:
        elsewhere = replace(user, url=other.url)
        elsewhere.leaves("--name", "down", "--", *programs.succeed())
    name = user.leaves("--name", "up", "--", *programs.succeed())
    told = user.does("ps")
    assert told.exit_code == 1
    assert name.split("/")[1].encode() in told.stdout
    assert f"cannot reach {other.url}".encode() in told.stderr
    # It is not forgotten: it may be there again.
    assert user.does("ps").exit_code == 1
    assert user.does("ps", "down").exit_code == 125


def test_a_program_that_is_not_there_leaves_nothing(user: User) -> None:
    ended = user.does("run", "-d", "--name", "nothing", "--", "no-such-program")
    assert (ended.exit_code, ended.stdout) == (127, b"")
    assert user.does("ps", "nothing").exit_code == 1
    user.leaves("--name", "something", "--", *programs.sleep())
    ended = user.does("run", "-d", "--name", "something", "--", "no-such-program")
    assert ended.exit_code == 127
    (process,) = user.listed("something")
    assert process["state"] == "running"
    assert user.does("kill", "--session", "something").exit_code == 0


def test_a_list_that_cannot_be_written_is_said_and_the_process_goes_on(user: User) -> None:
    env = {**user.env, "XDG_STATE_HOME": "/proc"}
    ended = telexec("run", "-d", "--keep", "1h", "--name", "unnoted", "--", "true", env=env)
    assert ended.exit_code == 0
    assert ended.stdout.startswith(b"unnoted/")
    assert b"cannot write the list of sessions in /proc/telexec/sessions.json" in ended.stderr
    assert user.listed("unnoted")


def test_a_damaged_list_is_said_and_the_next_one_is_in_order(user: User) -> None:
    user.leaves("--name", "before", "--", "true")
    (file,) = user.home.glob("**/sessions.json")
    file.write_bytes(file.read_bytes()[:-7])
    told = user.does("ps")
    assert b"is damaged" in told.stderr
    assert user.does("ps", "before").stdout
    user.leaves("--name", "after", "--", "true")
    assert {it["session"] for it in user.listed()} == {"after"}
    assert file.with_name("sessions.json.damaged").exists()


def test_an_interrupt_ends_following_and_not_the_process(user: User) -> None:
    name = user.leaves("--", *programs.say_and_sleep("said\n"))
    with running(["logs", "-f", name], env=user.env) as following:
        following.read_until(b"said\n")
        following.press_interrupt()
        ended = following.ended()
    assert (ended.exit_code, ended.stdout, ended.stderr.strip()) == (130, b"said\n", b"")
    (process,) = user.listed()
    assert process["state"] == "running"
    assert user.does("kill", name).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "mention"),
    [
        (["run", "-d", "--on-disconnect", "kill", "--", "true"], "--keep"),
        (["run", "-d", "--name", "a b", "--", "true"], "letters"),
        (["run", "-d", "--keep", "soon", "--", "true"], "soon"),
        (["run", "--name", "x", "--", "true"], "-d"),
        (["run", "--keep", "1h", "--", "true"], "-d"),
        (["ps", "--all", "x"], "--all"),
        (["logs", "x/"], "SESSION/PROCESS"),
        (["logs", "-n", "-1", "x"], "-1"),
        (["kill"], "SESSION"),
        (["kill", "--session", "x/y"], "x/y"),
        (["kill", "--session", "-s", "HUP", "x"], "--signal"),
    ],
)
def test_a_mistake_is_said_in_one_line(user: User, arguments: list[str], mention: str) -> None:
    ended = user.does(*arguments)
    assert (ended.exit_code, ended.stdout) == (125, b"")
    assert ended.stderr.startswith(b"telexec: cannot ")
    assert ended.stderr.count(b"\n") == 1
    assert mention.encode() in ended.stderr


def test_nothing_can_be_left_on_this_machine() -> None:
    ended = telexec("run", "-d", "--", "true")
    assert ended.exit_code == 125
    assert b"ends with telexec" in ended.stderr


@pytest.fixture
def plain_user(exec_server: Server, tmp_path: Path) -> User:
    return User(tmp_path / "home", exec_server.url)


def test_a_plain_host_is_said_to_know_no_sessions(plain_user: User) -> None:
    for arguments in (["run", "-d", "--", "true"], ["logs", "x"], ["kill", "x"], ["ps", "x"]):
        ended = plain_user.does(*arguments)
        assert ended.exit_code == 125
        assert b"only telexec-service does" in ended.stderr
