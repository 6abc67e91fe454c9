"""The commands of pages for operators, for tests to run them as they stand there."""

import re

from tests.harness.distribution import ROOT


def shell_blocks(heading: str, page: str = "operations.md") -> list[str]:
    """Return the blocks of shell commands under a heading, without those under headings below."""
    text = (ROOT / "docs" / page).read_text()
    section = text.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
