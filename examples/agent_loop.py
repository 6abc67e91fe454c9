"""An agent that works on a host: a loop around a model, with the two tools of unified exec.

    python examples/agent_loop.py --scripted
    python examples/agent_loop.py --model-url http://127.0.0.1:11434/v1 --model NAME \
        --url ws://127.0.0.1:7333 --token-file ~/.telexec-token "Why does `make test` fail in /src?"

The model is any that speaks Chat Completions with tools. Its key, if it wants one, is in the
variable that `--key-env` names. With `--scripted` no model is asked: what it would say is written
below. Without `--url` the host is the embedded one.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from typing import Any, Protocol

from telexec_client import TelexecError, connect
from telexec_client.unified_exec import UnifiedExec, tool_schemas

MAX_TURNS = 50
"""How often the model is asked before we give up."""

MODEL_TIMEOUT_S = 300.0

MAX_MODEL_ANSWER_BYTES = 16 * 1024 * 1024

INSTRUCTIONS = (
    "You work on a Linux host by its shell. Do what you are asked, then say what you did."
)

Message = dict[str, Any]


class AgentError(Exception):
    """The agent cannot go on; the text says why."""


class Model(Protocol):
    """Says what to do next."""

    async def reply(self, messages: list[Message]) -> Message:
        """Return the next message of the conversation; without `tool_calls` it is the last one."""
        ...


async def work(unified: UnifiedExec, model: Model, task: str) -> str:
    """Let a model work on a task until it is done, and return its last words."""
    messages: list[Message] = [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": task},
    ]
    for _ in range(MAX_TURNS):
        message = await model.reply(messages)
        messages.append(message)
        calls: list[dict[str, Any]] = message.get("tool_calls") or []
        if not calls:
            return str(message.get("content") or "")
        # A model may ask for several at once. Each gets its answer, in the order it asked.
        async with asyncio.TaskGroup() as tasks:
            answers = [tasks.create_task(answer(unified, call), name=call["id"]) for call in calls]
        messages += [task.result() for task in answers]
    raise AgentError(f"cannot go on: the model was not done after {MAX_TURNS} turns")


async def answer(unified: UnifiedExec, call: dict[str, Any]) -> Message:
    """Do what one tool call asks for, and return the message that tells the model."""
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    print(f"> {name} {arguments}", flush=True)
    text = await unified.call(name, arguments)
    print(text, flush=True)
    return {"role": "tool", "tool_call_id": call["id"], "content": text}


class ChatModel:
    """A model behind an endpoint that is compatible with OpenAI's Chat Completions."""

    def __init__(self, base_url: str, name: str, key: str | None) -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._name = name
        self._headers = {"Content-Type": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._tools = [
            {"type": "function", "function": {key: tool[key] for key in tool if key != "type"}}
            for tool in tool_schemas()
        ]

    async def reply(self, messages: list[Message]) -> Message:
        """See `Model`."""
        request = {"model": self._name, "messages": messages, "tools": self._tools}
        answer = await asyncio.to_thread(self._post, json.dumps(request).encode())
        try:
            message: Message = json.loads(answer)["choices"][0]["message"]
        except (ValueError, LookupError, TypeError) as error:
            raise AgentError(f"cannot understand the model: {answer[:200]!r}") from error
        return message

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(self._url, body, self._headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=MODEL_TIMEOUT_S) as response:  # noqa: S310
                answer: bytes = response.read(MAX_MODEL_ANSWER_BYTES)
                return answer
        except urllib.error.HTTPError as error:
            text = error.read(1000).decode(errors="replace")
            raise AgentError(f"cannot ask the model: HTTP {error.code}: {text}") from error
        except OSError as error:
            raise AgentError(f"cannot ask the model at {self._url}: {error}") from error


class ScriptedModel:
    """What a model might do, without one."""

    def __init__(self) -> None:
        self._script = self._play()
        self._calls = 0

    async def reply(self, messages: list[Message]) -> Message:
        """See `Model`."""
        try:
            call = self._script.send(messages[-1]["content"] if self._calls else None)
        except StopIteration as end:
            return {"role": "assistant", "content": end.value}
        self._calls += 1
        name, arguments = call
        function = {"name": name, "arguments": json.dumps(arguments)}
        calls = [{"id": f"call_{self._calls}", "type": "function", "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": calls}

    @staticmethod
    def _play() -> Generator[tuple[str, dict[str, Any]], Any, str]:
        system = yield "exec_command", {"cmd": "uname -s"}
        prompt = yield (
            "exec_command",
            {
                "cmd": "printf 'your name? '; read name; echo hello $name",
                "tty": True,
                "yield_time_ms": 500,
            },
        )
        greeting = yield "write_stdin", {"session_id": session_of(prompt), "chars": "agent\n"}
        endless = yield "exec_command", {"cmd": "sleep 600", "yield_time_ms": 250}
        ended = yield "write_stdin", {"session_id": session_of(endless), "chars": "\x03"}
        code = re.findall(r"exited with code (\d+)", ended)
        return (
            f"It runs {system.split()[-1]}, said '{greeting.splitlines()[-1]}',"
            f" and what I interrupted exited with {code[0]}."
        )


def session_of(text: str) -> int:
    """Return the session ID of a command that goes on, from what a model is told."""
    found = re.search(r"^Process running with session ID (\d+)$", text, re.MULTILINE)
    if found is None:
        raise AgentError(f"cannot go on with the script: the command has ended:\n{text}")
    return int(found[1])


async def run(options: argparse.Namespace) -> None:
    """Connect, work, and print the model's last words."""
    model: Model = ScriptedModel()
    if not options.scripted:
        key = os.environ.get(options.key_env) if options.key_env else None
        model = ChatModel(options.model_url, options.model, key)
    async with (
        connect(options.url, token_file=options.token_file) as client,
        UnifiedExec(client, workdir=options.workdir) as unified,
    ):
        print(await work(unified, model, options.task))


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Let a model work on a host.")
    parser.add_argument("task", nargs="?", default="Look around.")
    parser.add_argument("--scripted", action="store_true", help="ask no model")
    parser.add_argument("--model-url", help="an endpoint with /chat/completions under it")
    parser.add_argument("--model", help="the name of the model")
    parser.add_argument("--key-env", help="the variable that holds the key of the endpoint")
    parser.add_argument("--url", help="the host; without it, the embedded one")
    parser.add_argument("--token-file", help="a file with the token of the host")
    parser.add_argument("--workdir", help="where commands run on the host")
    options = parser.parse_args()
    if not options.scripted and not (options.model_url and options.model):
        parser.error("say --model-url and --model, or --scripted")
    exit_code = 0
    try:
        asyncio.run(run(options))
    except* (AgentError, TelexecError) as failures:
        for failure in failures.exceptions:
            print(f"agent_loop: {failure}", file=sys.stderr)
        exit_code = 1
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
