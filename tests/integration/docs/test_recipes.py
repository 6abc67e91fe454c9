"""The programs in docs/client.md and the README run as they stand there."""

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.deadline import DEADLINE_S
from tests.harness.server import Server
from tests.harness.service import running_service

ROOT = Path(__file__).parents[3]
HOSTS = ("ws://build1:7333", "ws://build2:7333", "ws://build3:7333")
TOKEN = secrets.token_urlsafe(32)
TOKEN_FILE = "/home/me/.telexec-token"
MAKEFILE = """\
all world:
\t@echo compiling
\t@echo a warning >&2
\t@echo linking
"""


def programs(document: str) -> list[str]:
    """Return the examples that are whole programs, in their order."""
    text = (ROOT / document).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [it for it in blocks if "asyncio.run(main())" in it or "client.sync import" in it]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Return three hosts that want the same token."""
    token_file = tmp_path_factory.mktemp("token") / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(f"{TOKEN}\n")
    options = ["--token-file", str(token_file)]
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running_service(tmp_path_factory.mktemp("host"), guarded=None, options=options)
            )
            for _ in HOSTS
        ]


@pytest.fixture
def src(tmp_path: Path) -> Path:
    """Return sources with a history, a way to make them, and something to remove."""
    directory = tmp_path / "src"
    (directory / "build").mkdir(parents=True)
    (directory / "build/a.o").touch()
    (directory / "build/b.o").touch()
    (directory / "Makefile").write_text(MAKEFILE)
    git = ["git", "-C", str(directory), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "the first"]):
        subprocess.run([*git, *command], check=True)
    return directory


def run(program: str, hosts: list[Server], src: Path) -> str:
    """Run a program with the hosts that there are; return what it printed."""
    token_file = src.parent / "token"
    token_file.write_text(f"{TOKEN}\n")
    # What a reader would replace.
    for url, server in zip((*HOSTS, "ws://127.0.0.1:7333"), (*hosts, hosts[0]), strict=True):
        program = program.replace(url, server.url)
    program = program.replace(TOKEN_FILE, str(token_file)).replace('"/src', f'"{src}')
    script = src.parent / "program.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        check=False,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


BUILD = "compiling\na warning\nlinking\n"
SHOWN = {
    "docs/client.md": [
        ("client.sync import", "linking\n"),
        ('"git", "log"', "the first\n"),
        ('"make", "-k"', BUILD),
        ('"rm", "-ri"', "b.o'? y"),
        ("AT_ONCE", "100 10100\n"),
    ],
    "README.md": [('"make", "-j8"', "linking"), ("client.sync import", "")],
}


@pytest.mark.parametrize(
    ("document", "part", "shown"),
    [(document, *example) for document, examples in SHOWN.items() for example in examples],
)
def test_an_example_does_what_it_says(
    document: str, part: str, shown: str, hosts: list[Server], src: Path
) -> None:
    (program,) = [it for it in programs(document) if part in it]
    assert shown in run(program, hosts, src)
    assert (src / "build").exists() == ("rm" not in part)


def test_a_job_outlives_its_client(hosts: list[Server], src: Path) -> None:
    start, come_back = [it for it in programs("docs/client.md") if "nightly" in it]
    assert re.fullmatch(r"started \d+\n", run(start, hosts, src))
    assert run(come_back, hosts, src) == BUILD


def test_every_program_is_run_here() -> None:
    for document, examples in SHOWN.items():
        others = 2 if document == "docs/client.md" else 0
        assert len(programs(document)) == len(examples) + others
