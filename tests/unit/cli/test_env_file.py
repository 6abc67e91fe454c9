from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_client.cli.env_file import parse_env_file, read_env_file
from telexec_client.cli.small_file import MAX_FILE_BYTES, FileUnreadableError
from telexec_client.cli.variables import InvalidVariableError

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"))


def test_values_stand_as_written_and_comments_and_blank_lines_are_skipped() -> None:
    content = b"""# a comment
A=1

  # another
QUOTED="x y" # not a comment
EMPTY=
EQUALS=a=b
 \t
UTF8=\xc3\xa9"""
    assert parse_env_file(content, "f") == {
        "A": "1",
        "QUOTED": '"x y" # not a comment',
        "EMPTY": "",
        "EQUALS": "a=b",
        "UTF8": "é",
    }


def test_lines_that_end_as_on_windows_have_the_same_values() -> None:
    assert parse_env_file(b"A=1\r\n\r\nB=2\r\n", "f") == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"NAME", "no '='"),
        (b"export A=1", "'export A' is not a name"),
        (b" A=1", "' A' is not a name"),
        (b"=1", "'' is not a name"),
        (b"A=\xff", "not UTF-8"),
        (b"A=\0", "NUL"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_line_number(line: bytes, why: str) -> None:
    with pytest.raises(InvalidVariableError, match=rf"cannot use ci\.env, line 3: .*{why}"):
        parse_env_file(b"A=1\n#\n" + line + b"\nB=2\n", "ci.env")


@given(st.dictionaries(NAMES, VALUES))
def test_variables_written_one_a_line_are_read_back(variables: dict[str, str]) -> None:
    content = "".join(f"{name}={value}\n" for name, value in variables.items())
    assert parse_env_file(content.encode(), "f") == variables


@given(st.binary())
def test_any_bytes_are_variables_or_refused(content: bytes) -> None:
    try:
        variables = parse_env_file(content, "f")
    except InvalidVariableError:
        return
    assert all(name and "=" not in name for name in variables)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadableError, match=r"cannot read .*absent: No such file"):
        read_env_file(str(tmp_path / "absent"))


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(FileUnreadableError, match=f"larger than {MAX_FILE_BYTES} bytes"):
        read_env_file("/dev/zero")
