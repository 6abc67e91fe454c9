"""Reading a unit as systemd does, as far as the tests need it (systemd.syntax(7))."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


class UnitFile:
    """The assignments of the section [Service], in their order."""

    def __init__(self, file: Path) -> None:
        section = file.read_text().split("[Service]\n", 1)[1].split("\n[", 1)[0]
        self._assigned = re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE)

    def all(self, name: str) -> list[str]:
        """Return what is assigned to a name, once for each time."""
        return [value for assigned, value in self._assigned if assigned == name]

    def one(self, name: str) -> str:
        """Return what is assigned to a name that is there once."""
        (value,) = self.all(name)
        return value

    def environment(self) -> dict[str, str]:
        """Return the variables that are set."""
        words = [word for value in self.all("Environment") for word in shlex.split(value)]
        return dict(word.split("=", 1) for word in words)
