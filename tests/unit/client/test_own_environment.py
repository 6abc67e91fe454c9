"""The client never takes its own environment as a whole: what its sources say about it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import telexec_client
import telexec_schemas

PACKAGES = [Path(str(package.__file__)).parent for package in (telexec_client, telexec_schemas)]
SOURCES = sorted(file for package in PACKAGES for file in package.rglob("*.py"))

STARTERS = {
    "subprocess": {"Popen", "call", "check_call", "check_output", "run"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
}
"""What starts a program, with the caller's environment unless `env` says otherwise."""

LOOP_STARTERS = {"subprocess_exec", "subprocess_shell"}
"""The same, of any event loop."""

HEIRS = ("exec", "spawn", "posix_spawn", "system", "popen", "startfile")
"""How the names of `os` begin that replace or start a program; the client needs none of them."""

READERS = {"urllib.request", "posix", "dotenv"}
"""Modules that look through the whole environment, such as for proxies."""


def offences(source: str) -> list[str]:
    """Return each place that may take more of the environment than a variable by its name."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += _imports(node)
        elif isinstance(node, ast.Attribute):
            found += _uses(node, parents)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found += _starts(node, node.func)
    return found


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            # Under another name we would not find it again.
            if alias.name in READERS or (alias.name in {"os", *STARTERS} and alias.asname):
                yield f"import {alias.name}"
        elif node.module in {"os", "subprocess", *READERS} or (
            f"{node.module}.{alias.name}" in READERS
        ):
            yield f"from {node.module} import {alias.name}"


def _uses(node: ast.Attribute, parents: dict[ast.AST, ast.AST]) -> Iterator[str]:
    if node.attr in {"environb", "putenv", "unsetenv"}:
        yield node.attr
    elif node.attr == "environ" and not _is_by_name(node, parents):
        yield ast.unparse(parents[node])
    elif node.attr.startswith(HEIRS) and _name(node.value) == "os":
        yield f"os.{node.attr}"


def _starts(call: ast.Call, function: ast.Attribute) -> Iterator[str]:
    starters = STARTERS.get(_name(function.value), set()) | LOOP_STARTERS
    has_env = any(keyword.arg == "env" for keyword in call.keywords)
    if function.attr in starters and not has_env:
        yield f"{function.attr} without env"


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_by_name(environ: ast.Attribute, parents: dict[ast.AST, ast.AST]) -> bool:
    """Tell `environ[name]`, `environ.get` and `name in environ` from every other use."""
    match parents[environ]:
        case ast.Subscript(value=value, ctx=ast.Load()):
            return value is environ
        case ast.Attribute(attr="get"):
            return True
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[container]):
            return container is environ
        case _:
            return False


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: "/".join(file.parts[-3:]))
def test_no_source_takes_more_of_the_environment_than_a_variable_by_its_name(file: Path) -> None:
    assert offences(file.read_text(encoding="utf-8")) == []


def test_there_are_sources_to_look_at() -> None:
    assert {"embedded.py", "child.py", "commands.py"} <= {file.name for file in SOURCES}


@pytest.mark.parametrize(
    "source",
    [
        "dict(os.environ)",
        "{**os.environ}",
        "os.environ.copy()",
        "os.environ | {}",
        "list(os.environ.items())",
        "for name in os.environ: pass",
        "f(os.environ)",
        "f(env=os.environ)",
        "mine = os.environ",
        "os.environ in [os.environ]",
        "os.environ['A'] = 'b'",
        "os.environb.get(b'A')",
        "from os import environ",
        "import os as system",
        "from urllib.request import getproxies",
        "import urllib.request",
        "from urllib import request",
        "subprocess.Popen(['a'])",
        "subprocess.run(['a'], check=True)",
        "asyncio.create_subprocess_exec('a')",
        "loop.subprocess_exec(make, 'a')",
        "os.system('a')",
        "os.execv('a', [])",
        "os.posix_spawn('a', [], {})",
        "from subprocess import Popen",
    ],
)
def test_the_look_at_the_sources_finds_what_takes_more(source: str) -> None:
    assert offences(source)


@pytest.mark.parametrize(
    "source",
    [
        "os.environ['A']",
        "os.environ.get('A', '')",
        "f(os.environ.get)",
        "'A' in os.environ",
        "'A' not in os.environ",
        "os.getenv('A')",
        "subprocess.Popen(['a'], env={})",
        "asyncio.run(main())",
        "client.run(['a'])",
        "connection.call(method)",
    ],
)
def test_the_look_at_the_sources_lets_a_variable_by_its_name_pass(source: str) -> None:
    assert offences(source) == []
