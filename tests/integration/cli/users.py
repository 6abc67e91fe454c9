"""People who leave processes on hosts with `telexec run -d`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.cli.command import Ended, telexec

CONFIG = "[sessions]\nmax_lease_s = 3600.0\n"


@dataclass(frozen=True)
class User:
    """Somebody at a machine, with a home directory and a usual host."""

    home: Path
    url: str

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.home), "TELEXEC_URL": self.url}

    def does(self, *arguments: str) -> Ended:
        """Run `telexec` to its end."""
        return telexec(*arguments, env=self.env)

    def leaves(self, *arguments: str) -> str:
        """Start something with `run -d` and return what it is called."""
        ended = self.does("run", "-d", "--keep", "1h", *arguments)
        assert (ended.exit_code, ended.stderr) == (0, b"")
        return ended.stdout.decode().removesuffix("\n")

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the processes that `ps` lists."""
        ended = self.does("ps", "--json", *arguments)
        assert ended.exit_code == 0, ended.stderr
        return [
            {**process, "session": session["session"]}
            for session in json.loads(ended.stdout)["sessions"]
            for process in session["processes"]
        ]

    def waits_for_the_end(self, name: str) -> None:
        """Wait until a process has ended."""
        assert self.does("logs", "-f", "-n", "0", name).exit_code == 0
