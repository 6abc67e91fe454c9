"""`requirements.lock` pins what the project file asks for, by hash and nothing else."""

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.harness.distribution import ROOT

LOCK = (ROOT / "requirements.lock").read_text()


def pinned() -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^ ]+) ", LOCK, re.MULTILINE))


def requirements(project: dict[str, Any]) -> list[Requirement]:
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    written = [
        *project["project"]["dependencies"],
        *(text for extra in extras for text in extra),
        *(text for group in groups for text in group if isinstance(text, str)),
        *project["build-system"]["requires"],
    ]
    return [Requirement(text) for text in written]


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    versions = pinned()
    asked = requirements(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    assert len(asked) > 10
    for requirement in asked:
        version = versions[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


def test_every_pin_has_hashes_and_no_line_names_a_place() -> None:
    pins = re.findall(r"^[\w.-]+==.*(?:\n    .*)*", LOCK, re.MULTILINE)
    assert len(pins) == len(pinned())
    assert [pin for pin in pins if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", pin)] == []
    others = re.sub(r"^(#|[\w.-]+==|    --hash=).*\n", "", LOCK, flags=re.MULTILINE)
    assert others == ""
    assert not re.search(r"https?:|file:|--index|--find-links", LOCK)
