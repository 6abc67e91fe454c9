"""What docs/environment.md and the README show of environments is what happens."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telexec_client import UNIFIED_EXEC, thread_ids
from telexec_schemas.environment_policy import EnvironmentPolicy
from telexec_service.config import load_config
from telexec_service.core.contract import check_contract
from telexec_service.core.environment import EnvironmentRequest, HostEnvironment
from telexec_service.core.failure import RpcFailure
from tests.harness.deadline import DEADLINE_S
from tests.harness.service import running_service

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/environment.md").read_text()
README = (ROOT / "README.md").read_text()
URL = "ws://127.0.0.1:7333"
TOKEN_FILE = "/home/me/.telexec-token"
DIGEST = re.compile(r"digest [0-9a-f]{16}")


def fenced(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shown(prompt: str, text: str = PAGE) -> list[tuple[str, str]]:
    """Return each command after a prompt, and the output that is shown under it."""
    found: list[tuple[str, str]] = []
    for block in fenced("console", text):
        for part in re.split(r"^(?=\w+\$ )", block, flags=re.MULTILINE):
            if part.startswith(prompt):
                # A command goes on as long as its lines end with a backslash.
                match = re.match(r"((?:.*\\\n)*.*\n)", part.removeprefix(prompt))
                assert match is not None
                command = match[1]
                found.append((command, part.removeprefix(prompt + command)))
    return found


@dataclass(frozen=True)
class ShownHost:
    """The host of the examples, and what its caller must be told of it."""

    url: str
    token_file: str

    def run(self, argv: list[str]) -> str:
        """Run a command as the page's reader would, and return what it says, as on the page."""
        done = subprocess.run(
            argv,
            check=False,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "TELEXEC_URL": self.url,
                "TELEXEC_TOKEN_FILE": self.token_file,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=4 * DEADLINE_S,
        )
        return without_digests(done.stdout.decode().replace(self.url, URL))


def without_digests(text: str) -> str:
    """They change with every rule; the page says that they are there, not which they are."""
    return DIGEST.sub("digest ................", text)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownHost]:
    """Return the host as the page starts it; its tests share it."""
    ((start, _),) = shown("build1$ ")
    words = shlex.split(start.replace("\\\n", ""))
    assert words[:2] == ["env", "-i"]
    env = dict(word.split("=", 1) for word in words[2 : words.index("telexec-service")])
    assert {"PATH", "HOME", "LANG"} <= env.keys(), "the harness would add its own"
    directory = tmp_path_factory.mktemp("build1")
    config = fenced("toml")[0]
    with running_service(directory, guarded=True, config=config, env=env) as service:
        yield ShownHost(service.url, str(directory / "token"))


@pytest.mark.parametrize(
    ("command", "output"),
    [pytest.param(*example, id=example[0].strip()) for example in shown("here$ ")],
)
def test_a_command_prints_what_the_page_says(host: ShownHost, command: str, output: str) -> None:
    assert host.run(["bash", "-c", command]) == without_digests(output)


def test_the_page_shows_commands() -> None:
    assert len(shown("here$ ")) > 10


def test_the_python_example_prints_what_the_page_says(host: ShownHost, tmp_path: Path) -> None:
    (code,) = fenced("python")
    assert URL in code
    assert TOKEN_FILE in code
    script = tmp_path / "example.py"
    script.write_text(code.replace(URL, host.url).replace(TOKEN_FILE, host.token_file))
    assert host.run([sys.executable, str(script)]) == fenced("text")[-1]


def test_the_strict_host_of_the_page_takes_what_the_page_says_and_nothing_else(
    tmp_path: Path,
) -> None:
    file = tmp_path / "strict.toml"
    file.write_text(fenced("toml")[1])
    rules = load_config(str(file)).env
    check_contract(rules)
    host = HostEnvironment({"PATH": "/bin", "HOME": "/h", "REGION": "eu"}, rules)
    assert set(host.profiles) == {"default", "ci"}
    runtime = (UNIFIED_EXEC | thread_ids(thread_id="t")).variables
    taken = dict(runtime) | {"PATH": "/opt/tools/bin:/bin"}
    built, _ = host.build(EnvironmentRequest(taken, profile="ci"))
    assert built == {"HOME": "/h", "CI": "1", **taken}
    for name in ("HOME", "PYTHONPATH", "GIT_SSH", "LD_PRELOAD", "REGION", "PATH"):
        with pytest.raises(RpcFailure, match=f"cannot set or unset {name!r}"):
            host.build(EnvironmentRequest({name: "/x"}, profile="ci"))
    for own in (EnvironmentRequest({}, policy=EnvironmentPolicy()), EnvironmentRequest({})):
        with pytest.raises(RpcFailure, match="this host"):
            host.build(own)


def test_the_example_of_the_readme_prints_what_the_readme_says(tmp_path: Path) -> None:
    examples = shown("here$ ", README)
    ((command, output),) = [example for example in examples if "env explain" in example[0]]
    with running_service(tmp_path, guarded=True, env={"DEPLOY_TOKEN": "x"}) as service:
        host = ShownHost(service.url, str(tmp_path / "token"))
        given = command.replace(URL, host.url).replace("~/.telexec-token", host.token_file)
        assert host.run(["bash", "-c", given]) == without_digests(output)
