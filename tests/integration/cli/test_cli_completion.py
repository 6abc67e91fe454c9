"""What shells offer behind <TAB>, in the shells themselves."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from telexec_client.cli.session_book import KnownProcess, KnownSession
from telexec_client.cli.state_file import StateFile
from tests.harness.required import required_program
from tests.integration.cli.command import TELEXEC, telexec

HOSTS = """\
[hosts.build1]
url = "ws://build1:7333"
[hosts.build2]
url = "ws://build2:7333"
"""


@dataclass(frozen=True)
class Caller:
    """Somebody who has hosts with names, and has left sessions."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        # Nobody listens there: what is offered comes from no host.
        path = f"{Path(TELEXEC).parent}:{os.environ['PATH']}"
        return {"HOME": str(self.home), "PATH": path, "TELEXEC_URL": "ws://127.0.0.1:1"}

    def in_bash(self, *words: str) -> set[str]:
        """Return what bash offers for the last word."""
        script = (
            'source <(telexec completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
            " $(complete -p telexec | sed 's/.*-F \\([^ ]*\\) .*/\\1/') telexec;"
            ' printf "%s\\n" "${COMPREPLY[@]}"'
        )
        return self._offered(["bash", "-c", script, "bash", "telexec", *words])

    def in_fish(self, *words: str) -> set[str]:
        """Return what fish offers for the last word."""
        script = "telexec completion fish | source; complete -C $argv[1]"
        offered = self._offered(["fish", "-c", script, "--", " ".join(["telexec", *words])])
        return {line.partition("\t")[0] for line in offered}

    def _offered(self, argv: list[str]) -> set[str]:
        done = subprocess.run(argv, env=self.env, capture_output=True, check=True, timeout=60)
        assert done.stderr == b""
        return set(done.stdout.decode().split("\n")) - {""}


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    config = tmp_path / ".config" / "telexec"
    config.mkdir(parents=True)
    (config / "hosts.toml").write_text(HOSTS)
    file = StateFile(str(tmp_path / ".local" / "state" / "telexec" / "sessions.json"))
    for name in ("nightly", "night", "other"):
        process = KnownProcess(f"{name}0123456789abcdef", "make", 1)
        known = KnownSession(name, f"id-{name}", "ws://build1:7333", 1, 2, processes=(process,))
        file.change(lambda book, known=known: book.with_session(known))
    return Caller(tmp_path)


def test_bash_offers_commands(caller: Caller) -> None:
    assert caller.in_bash("ha") == set()
    assert {"hosts"} <= caller.in_bash("h")
    assert {"run", "ps", "kill", "logs", "doctor", "completion"} <= caller.in_bash("")


def test_bash_offers_options_and_names_of_hosts(caller: Caller) -> None:
    assert {"--host", "--url", "--token-file"} <= caller.in_bash("run", "--")
    assert caller.in_bash("run", "--host", "b") == {"build1", "build2"}
    assert caller.in_bash("ps", "--host", "") == {"build1", "build2", "embedded"}


def test_bash_offers_sessions_and_their_processes(caller: Caller) -> None:
    assert caller.in_bash("logs", "ni") == {"nightly", "night"}
    assert caller.in_bash("kill", "other", "night/") == {"night/night012"}
    assert caller.in_bash("ps", "o") == {"other"}
    assert caller.in_bash("run", "-d", "--name", "nightl") == {"nightly"}


def test_bash_offers_shells_for_the_script_itself(caller: Caller) -> None:
    assert caller.in_bash("completion", "") == {"bash", "zsh", "fish"}


def test_what_cannot_be_read_offers_nothing_and_says_nothing(caller: Caller) -> None:
    (caller.home / ".config" / "telexec" / "hosts.toml").write_text("nonsense")
    state = caller.home / ".local" / "state" / "telexec"
    (state / "sessions.json").write_text("nonsense")
    assert caller.in_bash("run", "--host", "b") == set()
    assert caller.in_bash("logs", "ni") == set()


def test_fish_offers_the_same(caller: Caller) -> None:
    required_program("fish")
    assert caller.in_fish("run", "--host", "b") == {"build1", "build2"}
    assert caller.in_fish("logs", "ni") == {"nightly", "night"}
    assert caller.in_fish("kill", "night/") == {"night/night012"}


def test_zsh_takes_the_script(caller: Caller) -> None:
    required_program("zsh")
    script = 'autoload -Uz compinit; compinit -u; eval "$(telexec completion zsh)"; whence -w '
    done = subprocess.run(
        ["zsh", "-f", "-c", f"{script} _telexec_completion"],
        env=caller.env,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == b"_telexec_completion: function\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_their_scripts(shell: str) -> None:
    ended = telexec("completion", shell)
    assert (ended.exit_code, ended.stderr) == (0, b"")
    assert f"_TELEXEC_COMPLETE={shell}_complete".encode() in ended.stdout
