"""What the documentation shows is what there is."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from telexec_schemas import methods
from telexec_schemas.method import Method, Notification
from telexec_service.command_line import make_parser
from telexec_service.config import Config, load_config
from tests.unit.docs.classes_table import DOCUMENT, with_classes_table

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def test_the_documented_configuration_is_the_default_one_and_complete(tmp_path: Path) -> None:
    (shown,) = fenced((ROOT / "docs/service.md").read_text(), "toml")
    file = tmp_path / "shown.toml"
    file.write_text(shown)
    # As plain values, where a list and a tuple are the same.
    assert msgspec.json.encode(load_config(str(file))) == msgspec.json.encode(Config())
    keys = set(re.findall(r"^(?:# )?(\w+) = |^\[(?:\w+\.)*(\w+)\]", shown, re.MULTILINE))
    assert {key or table for key, table in keys} == keys_of(Config())


def test_the_documented_configuration_is_the_one_that_config_init_prints() -> None:
    (shown,) = fenced((ROOT / "docs/service.md").read_text(), "toml")
    argv = [sys.executable, "-m", "telexec_service", "config", "init"]
    assert subprocess.run(argv, check=True, capture_output=True, text=True).stdout == shown


def test_every_flag_of_the_service_is_documented() -> None:
    flags = set(re.findall(r"--[\w-]+", make_parser().format_help()))
    document = (ROOT / "docs/service.md").read_text()
    assert {"--listen", "--config"} <= flags
    documented = set(re.findall(r"--[\w-]+", document))
    assert flags - documented == {"--help", "--version"}


def test_the_documented_classes_are_those_that_there_are() -> None:
    text = DOCUMENT.read_text()
    assert with_classes_table(text) == text


def keys_of(section: msgspec.Struct) -> set[str]:
    names = set(section.__struct_fields__)
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, msgspec.Struct):
            names |= keys_of(value)
    return names


def test_every_method_and_notification_is_in_the_protocol_document() -> None:
    document = (ROOT / "docs/protocol.md").read_text()
    declared = [
        value.name for value in vars(methods).values() if isinstance(value, Method | Notification)
    ]
    assert len(declared) > 20
    assert [name for name in declared if name not in document] == []


def test_the_first_screen_of_the_readme_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    run, test = fenced(text, "sh")[:2]
    assert "telexec run" in run
    assert "pytest" in test
    assert text[: text.index(test)].count("\n") < 24


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if target.startswith("https://"):
            continue
        name, _, fragment = target.partition("#")
        file = document.parent / name if name else document
        assert file.exists(), f"{document.name} points at {target}"
        if fragment:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert fragment in {anchor(heading) for heading in headings}, target


def test_every_test_that_shows_a_promise_is_there() -> None:
    document = (ROOT / "docs/reliability.md").read_text()
    promises = re.findall(r"^\| (?!promise )(?!---)(.*) \| (.*) \|$", document, re.MULTILINE)
    assert len(promises) > 10
    for promise, shown_by in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", shown_by)
        assert named, f"nothing shows: {promise}"
        for file, test in named:
            source = (ROOT / file).read_text()
            assert re.search(rf"^(?:async )?def {test}\(", source, re.MULTILINE), f"{file}::{test}"
