"""A model on loopback that does as a script says: a stand-in for OpenAI's Responses API.

A script is a generator: it yields the tool calls of a model and is sent what each one printed. So a
script can decide by what it sees, as a model does.
"""

import json
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

MODEL_NAME = "scripted"
_FAREWELL = "the script is at its end"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asks for; `arguments` is an object, or a text for a free-form tool."""

    name: str
    arguments: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a model is told of a call."""

    text: str

    @property
    def exit_code(self) -> int | None:
        """The exit code, `None` while the process runs."""
        found = re.search(r"^Process exited with code (-?\d+)$", self.text, re.MULTILINE)
        return int(found[1]) if found else None

    @property
    def session_id(self) -> int | None:
        """The number under which a running process is fed and polled."""
        found = re.search(r"^Process running with session ID (\d+)$", self.text, re.MULTILINE)
        return int(found[1]) if found else None

    @property
    def output(self) -> str:
        """What the process printed since the last result."""
        return self.text.partition("\nOutput:\n")[2]


Script: TypeAlias = Generator[ToolCall, ToolResult, None]


def exec_command(command: str, *, tty: bool = False, yield_time_ms: int = 10_000) -> ToolCall:
    """Run a command line; the result comes at its end or after `yield_time_ms`."""
    return ToolCall(
        "exec_command",
        {
            "cmd": command,
            "tty": tty,
            "yield_time_ms": yield_time_ms,
            "max_output_tokens": 100_000,
        },
    )


def write_stdin(session_id: int, text: str, *, yield_time_ms: int = 1_000) -> ToolCall:
    """Feed a running process; no text polls it."""
    return ToolCall(
        "write_stdin",
        {
            "session_id": session_id,
            "chars": text,
            "yield_time_ms": yield_time_ms,
            "max_output_tokens": 100_000,
        },
    )


def apply_patch(patch: str) -> ToolCall:
    """Change files by a patch in the format that Codex teaches its models."""
    return ToolCall("apply_patch", patch)


def until_output(
    result: ToolResult, wanted: str, *, at_most: int = 60
) -> Generator[ToolCall, ToolResult, str]:
    """Poll a running process until it has printed something; return what it printed."""
    printed = result.output
    for _ in range(at_most):
        if wanted in printed:
            return printed
        assert result.session_id is not None, f"ended without {wanted!r}: {result.text}"
        result = yield write_stdin(result.session_id, "")
        printed += result.output
    raise AssertionError(f"polled {at_most} times in vain for {wanted!r}; it printed {printed!r}")


def until_exit(
    result: ToolResult, *, at_most: int = 60
) -> Generator[ToolCall, ToolResult, tuple[int, str]]:
    """Poll a running process until its end; return its exit code and what it printed."""
    printed = result.output
    for _ in range(at_most):
        if result.exit_code is not None:
            return result.exit_code, printed
        assert result.session_id is not None, f"neither running nor ended: {result.text}"
        result = yield write_stdin(result.session_id, "")
        printed += result.output
    raise AssertionError(f"polled {at_most} times in vain for the end; it printed {printed!r}")


class ScriptedModel:
    """A running model; made by `scripted_model`.

    Attributes:
        base_url: For the configuration of a model provider.
        results: What each call came back with, in order.
    """

    def __init__(self, script: Script) -> None:
        self.results: list[ToolResult] = []
        self._script = script
        self._is_started = False
        self._is_finished = False
        self._failure: BaseException | None = None
        self._calls = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def serve(self) -> None:
        """Answer until `close`."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop; the threads of ended connections are joined."""
        self._server.shutdown()
        self._server.server_close()

    def check(self) -> None:
        """Raise what the script raised, or complain if its end was not reached."""
        if self._failure is not None:
            raise self._failure
        told = "\n".join(result.text for result in self.results)
        assert self._is_finished, f"the script was not played to its end; it was told:\n{told}"

    def respond(self, request: Mapping[str, Any]) -> bytes:
        """Return the server-sent events that answer a request of the client."""
        with self._lock:
            self._calls += 1
            item = self._next_item(request)
            events: list[dict[str, Any]] = [
                {"type": "response.created", "response": {"id": f"response_{self._calls}"}},
                {"type": "response.output_item.done", "item": item},
                {
                    "type": "response.completed",
                    "response": {
                        "id": f"response_{self._calls}",
                        "usage": {
                            "input_tokens": 1,
                            "input_tokens_details": None,
                            "output_tokens": 1,
                            "output_tokens_details": None,
                            "total_tokens": 2,
                        },
                    },
                },
            ]
        return "".join(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events
        ).encode()

    def _next_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            if self._failure is not None or self._is_finished:
                call = None
            elif self._is_started:
                self.results.append(_newest_result(request))
                call = self._script.send(self.results[-1])
            else:
                self._is_started = True
                call = next(self._script)
        except StopIteration:
            self._is_finished = True
            call = None
        except BaseException as error:  # noqa: BLE001 - kept for the test that asks with `check`
            self._failure = error
            call = None
        if call is None:
            text = {"type": "output_text", "text": _FAREWELL}
            return {"type": "message", "id": "m", "role": "assistant", "content": [text]}
        item = {"id": f"i_{self._calls}", "call_id": f"call_{self._calls}", "name": call.name}
        if isinstance(call.arguments, str):
            return item | {"type": "custom_tool_call", "input": call.arguments}
        return item | {"type": "function_call", "arguments": json.dumps(call.arguments)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its signature
                """Log nothing."""

            def do_GET(self) -> None:
                """List no models."""
                self._reply("application/json", b'{"models":[],"data":[],"object":"list"}')

            def do_POST(self) -> None:
                """Answer with the next step."""
                length = int(self.headers.get("content-length", 0))
                request = json.loads(self.rfile.read(length))
                self._reply("text/event-stream", model.respond(request))

            def _reply(self, content_type: str, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


def _newest_result(request: Mapping[str, Any]) -> ToolResult:
    outputs = [
        item["output"]
        for item in request.get("input", [])
        if item.get("type", "").endswith("_call_output")
    ]
    assert outputs, "the client sent no result of the call"
    newest = outputs[-1]
    return ToolResult(newest if isinstance(newest, str) else json.dumps(newest))


@contextmanager
def scripted_model(script: Script) -> Generator[ScriptedModel]:
    """Run a model until the block ends. Its clients must be gone by then."""
    model = ScriptedModel(script)
    thread = threading.Thread(target=model.serve, name="scripted model")
    thread.start()
    try:
        yield model
    finally:
        model.close()
        thread.join()
