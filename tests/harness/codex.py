"""The real Codex CLI, as a client of ours and as the server that ours is held against."""

import asyncio
import json
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.deadline import within
from tests.harness.scripted_model import MODEL_NAME, Script, ToolResult, scripted_model
from tests.harness.server import Server, minimal_environment, running_server

ORCHESTRATOR_SECRET = "ORCHESTRATOR_ONLY"
"""A variable of the environment that Codex runs in, which no child may ever see."""

RUN_DEADLINE_S = 100.0
"""For a whole session with Codex."""


class CodexMissingError(Exception):
    """There is no Codex on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "cannot find the Codex CLI: install @openai/codex with npm, or name its binary in CODEX"
        )


def find_codex() -> Path:
    """Return the binary that `CODEX` names or that is on `PATH`.

    Raises:
        CodexMissingError: There is neither.
    """
    named = os.environ.get("CODEX") or shutil.which("codex")
    if not named or not os.access(named, os.X_OK):
        raise CodexMissingError
    return Path(named)


@contextmanager
def running_exec_server(
    codex: Path, directory: Path, *, token: str | None = None, env: Mapping[str, str] | None = None
) -> Generator[Server]:
    """Run `codex exec-server` on a free loopback port until the block ends."""
    home = directory / "exec-server-home"
    home.mkdir()
    argv = [str(codex), "exec-server", "--listen", "ws://127.0.0.1:0"]
    argv += ["--concurrent-requests", "16"]
    if token is not None:
        token_file = home / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(token)
        argv += ["--ws-auth", "capability-token", "--ws-token-file", str(token_file)]
    environment = minimal_environment(home) | {"CODEX_HOME": str(home)} | dict(env or {})
    with running_server(
        argv, env=environment, directory=home, token=token, expect_graceful=False
    ) as server:
        yield server


@dataclass(frozen=True)
class RemoteUrl:
    """Codex is told of its executor by the one environment variable that it has for this."""

    url: str


@dataclass(frozen=True)
class NamedUrl:
    """Codex is told of its executor by a file, with a bearer token if it wants one.

    `ca_file`: the authorities that it trusts, instead of the system's.
    """

    url: str
    token: str | None = None
    ca_file: Path | None = None


@dataclass(frozen=True)
class Program:
    """Codex starts its executor itself and talks to it on stdin and stdout."""

    argv: Sequence[str]
    env: Mapping[str, str]


Executor = RemoteUrl | NamedUrl | Program


@dataclass(frozen=True)
class CodexSession:
    """How a session went.

    Attributes:
        results: What the model was told of each of its tool calls.
        transcript: What the user saw.
    """

    exit_code: int
    results: Sequence[ToolResult]
    transcript: str


async def run_codex(
    codex: Path,
    executor: Executor,
    script: Script,
    *,
    directory: Path,
    workspace: Path,
    inherit: str = "core",
    sandbox_mode: str = "danger-full-access",
) -> CodexSession:
    """Let Codex work in `workspace` as `script` says, on a remote executor.

    Args:
        directory: Where its home is put; must be empty.
        inherit: The `shell_environment_policy.inherit` of its configuration.

    Raises:
        AssertionError: Of the script, or Codex ended before the script did.
    """
    home = directory / "codex-home"
    home.mkdir(parents=True)
    env = minimal_environment(home) | {
        "CODEX_HOME": str(home),
        "MODEL_KEY": "none",
        ORCHESTRATOR_SECRET: "leak",
    }
    match executor:
        case RemoteUrl(url):
            env["CODEX_EXEC_SERVER_URL"] = url
        case _:
            if isinstance(executor, NamedUrl) and executor.ca_file is not None:
                env["SSL_CERT_FILE"] = str(executor.ca_file)
            (home / "environments.toml").write_text(_environments_toml(executor))
    transcript = directory / "codex.log"
    with scripted_model(script) as model, transcript.open("wb") as output:
        catalog = home / "models.json"
        catalog.write_text(await _model_catalog(codex, env))
        (home / "config.toml").write_text(
            _config_toml(model.base_url, catalog, inherit, sandbox_mode)
        )
        process = await asyncio.create_subprocess_exec(
            codex,
            "exec",
            "--skip-git-repo-check",
            "do as the script says",
            cwd=workspace,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            exit_code = await within(
                process.wait(), what="the end of codex", deadline_s=RUN_DEADLINE_S
            )
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    seen = transcript.read_text(errors="replace")
    try:
        model.check()
    except AssertionError as error:
        error.add_note(f"--- what the user saw ---\n{seen}")
        raise
    return CodexSession(exit_code, model.results, seen)


async def _model_catalog(codex: Path, env: Mapping[str, str]) -> str:
    """Return a catalog with our model only, which has every tool that scripts use.

    Of a model that it does not know, Codex believes that it cannot apply patches.
    """
    process = await asyncio.create_subprocess_exec(
        codex,
        "debug",
        "models",
        "--bundled",
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    listing, _ = await within(process.communicate(), what="the list of models")
    models = json.loads(listing)["models"]
    able = next(model for model in models if model["apply_patch_tool_type"] == "freeform")
    able |= {
        "slug": MODEL_NAME,
        "tool_mode": None,
        "multi_agent_version": None,
        "truncation_policy": {"mode": "tokens", "limit": 1_000_000},
        # Or else Codex cuts its history short behind long output, and the script's answer with it.
        "context_window": 100_000_000,
        "max_context_window": 100_000_000,
    }
    return json.dumps({"models": [able]})


def _config_toml(base_url: str, catalog: Path, inherit: str, sandbox_mode: str) -> str:
    return f"""
model = "{MODEL_NAME}"
model_catalog_json = "{catalog}"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "{sandbox_mode}"

[model_providers.scripted]
name = "scripted"
base_url = "{base_url}"
wire_api = "responses"
env_key = "MODEL_KEY"

[features]
unified_exec = true

[shell_environment_policy]
inherit = "{inherit}"
"""


def _environments_toml(executor: NamedUrl | Program) -> str:
    lines = ['default = "remote"', "", "[[environments]]", 'id = "remote"']
    match executor:
        case NamedUrl(url, token):
            lines.append(f"url = {json.dumps(url)}")
            if token is not None:
                lines.append(f"auth_bearer_token = {json.dumps(token)}")
        case Program(argv, env):
            # Through env(1), so that the executor has its own environment and not Codex's.
            settings = [f"{name}={value}" for name, value in env.items()]
            words = ["-i", *settings, *argv]
            lines.append('program = "/usr/bin/env"')
            lines.append(f"args = {json.dumps(words)}")
    return "\n".join(lines) + "\n"
