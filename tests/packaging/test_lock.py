"""`requirements.lock` pins what the project file asks for, by hash and nothing else."""

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.harness.distribution import ROOT

IMAGE_LOCK = (ROOT / "deploy" / "image.lock").read_text()
BUILD_LOCK = (ROOT / "deploy" / "build.lock").read_text()
LOCK = (ROOT / "requirements.lock").read_text()


def pinned() -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^ ]+) ", LOCK, re.MULTILINE))


def pins(lock: str) -> list[str]:
    return re.findall(r"^[\w.-]+==.*(?:\n    .*)*", lock, re.MULTILINE)


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
    assert len(pins(LOCK)) == len(pinned())
    assert [pin for pin in pins(LOCK) if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", pin)] == []
    others = re.sub(r"^(#|[\w.-]+==|    --hash=).*\n", "", LOCK, flags=re.MULTILINE)
    assert others == ""
    assert not re.search(r"https?:|file:|--index|--find-links", LOCK)


def test_what_the_image_installs_is_pinned_as_what_the_tests_run_on() -> None:
    tested = set(pins(LOCK))
    assert set(pins(IMAGE_LOCK)) <= tested
    assert set(pins(BUILD_LOCK)) <= tested


def test_the_image_gets_all_that_the_service_and_the_command_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    needed = [*project["project"]["dependencies"], *extras["cli"], *extras["service"]]
    for text, lock in [
        *((text, IMAGE_LOCK) for text in needed),
        *((text, BUILD_LOCK) for text in project["build-system"]["requires"]),
    ]:
        name = canonicalize_name(Requirement(text).name)
        assert re.search(rf"^{name}==", lock, re.MULTILINE), f"{text} is not in the lock"
