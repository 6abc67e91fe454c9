"""Who starts the service or a command waits for what they import, and so they import little."""

from pathlib import Path

from tests.harness.service import running_service
from tests.integration.cli.command import telexec

TELL_IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}

FOR_NOTHING = {"csv", "difflib", "http.client", "pathlib", "tempfile", "zipfile"}
"""What is asked for on the way, and has no use."""


def imported(stderr: str) -> set[str]:
    return {line.rsplit("|", 1)[-1].strip() for line in stderr.splitlines()}


def test_a_service_imports_nothing_before_it_serves_that_it_needs_later_if_at_all(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, env=TELL_IMPORTS) as service:
        names = imported(service.log())
    later = {"prometheus_client", "telexec_service.config_command", "tomllib", "rich.console"}
    assert {"telexec_service.app", "structlog", "websockets.server"} <= names
    assert names & (FOR_NOTHING | later) == set()


def test_a_command_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        ended = telexec("run", "--url", service.url, "--", "true", env=TELL_IMPORTS)
    assert ended.exit_code == 0
    names = imported(ended.stderr.decode())
    others = {"json", "shutil", "telexec_client.cli.env_commands", "telexec_client.filesystem"}
    assert {"telexec_client.connection.connection", "click", "websockets.client"} <= names
    assert names & (FOR_NOTHING | others) == set()
