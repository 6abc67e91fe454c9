"""examples/agent_loop.py works: by its script, and with a model behind HTTP."""

import json
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tests.harness.deadline import DEADLINE_S
from tests.harness.server import Server, minimal_environment

PROGRAM = Path(__file__).parents[3] / "examples/agent_loop.py"


def run(tmp_path: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *options],
        env=minimal_environment(tmp_path) | env,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )


def assert_went_well(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    last = done.stdout.splitlines()[-1]
    assert last == "It runs Linux, said 'hello agent', and what I interrupted exited with 130."


def test_the_script_is_played_to_its_end_on_the_embedded_host(tmp_path: Path) -> None:
    assert_went_well(run(tmp_path, "--scripted"))


def test_the_script_is_played_to_its_end_on_another_host(
    tokened_service: Server, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(str(tokened_service.token))
    options = ["--url", tokened_service.url, "--token-file", str(token_file)]
    assert_went_well(run(tmp_path, "--scripted", *options))


@contextmanager
def endpoint(*messages: dict[str, Any]) -> Generator[tuple[str, list[dict[str, Any]]]]:
    """Run a model that says these messages; yield its URL and what it was asked."""
    requests: list[dict[str, Any]] = []
    rest = list(messages)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Log nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            requests.append(body | {"key": self.headers["authorization"], "path": self.path})
            status, answer = (200, {"choices": [{"message": rest.pop(0)}]}) if rest else (429, {})
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def call(id_: str, tool: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": tool, "arguments": arguments}}


def test_a_model_gets_the_tools_and_an_answer_to_each_of_its_calls(
    service: Server, tmp_path: Path
) -> None:
    asks = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            call("a", "exec_command", '{"cmd": "sleep 0.2; echo first"}'),
            call("b", "exec_command", '{"command": "second"}'),
        ],
    }
    with endpoint(asks, {"role": "assistant", "content": "that was all"}) as (url, requests):
        options = ["--model-url", url, "--model", "m", "--key-env", "A_KEY", "--url", service.url]
        done = run(tmp_path, *options, "do it", A_KEY="k")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("that was all\n")
    assert requests[0]["path"] == "/v1/chat/completions"
    assert (requests[0]["model"], requests[0]["key"]) == ("m", "Bearer k")
    assert [tool["function"]["name"] for tool in requests[0]["tools"]] == [
        "exec_command",
        "write_stdin",
    ]
    first, second = requests[1]["messages"][-2:]
    assert (first["tool_call_id"], second["tool_call_id"]) == ("a", "b")
    assert first["content"].endswith("Output:\nfirst\n")
    assert second["content"].startswith("exec_command failed: cannot use the arguments")


def test_a_model_that_cannot_be_asked_is_one_line(service: Server, tmp_path: Path) -> None:
    with endpoint() as (url, _):
        done = run(tmp_path, "--model-url", url, "--model", "m", "--url", service.url)
    assert done.returncode == 1
    assert done.stderr == "agent_loop: cannot ask the model: HTTP 429: {}\n"
