import os
import stat
from pathlib import Path

import pytest

from telexec_service.transport.token_file import (
    MAX_TOKENS,
    TokenFileError,
    load_or_create_tokens,
    load_tokens,
)


def test_a_missing_file_is_made_with_a_random_token_that_only_its_owner_reads(
    tmp_path: Path,
) -> None:
    file = tmp_path / "state" / "token"

    (token,) = load_or_create_tokens(str(file))

    assert file.read_text() == token + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) >= 40
    assert load_or_create_tokens(str(file)) == [token]
    assert os.listdir(file.parent) == ["token"]
    assert load_or_create_tokens(str(tmp_path / "other")) != [token]


def test_the_mode_is_right_whatever_the_mask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        load_or_create_tokens(str(tmp_path / "token"))
    finally:
        os.umask(mask)

    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n# only this\n",
        b"two words\n",
        b"a\nb c\n",
        b"t\xc3\xb6ken",
        b"x" * 5000,
        b"x\n" * 9000,
    ],
)
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(TokenFileError, match="cannot use the token file"):
        load_or_create_tokens(str(file))


def test_a_file_may_hold_several_tokens_comments_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"# since March\nnew\r\n\n   \n  old  \n# gone\n")

    assert load_tokens(str(file)) == ["new", "old"]


def test_what_is_wrong_with_a_line_is_said_without_the_line(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"good\n\nhalf secret\n")

    with pytest.raises(TokenFileError, match="line 3 must be one token") as refused:
        load_tokens(str(file))
    assert "secret" not in str(refused.value)


def test_there_are_as_many_tokens_as_can_be_compared(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("".join(f"t{number}\n" for number in range(MAX_TOKENS)))
    assert len(load_tokens(str(file))) == MAX_TOKENS

    file.write_text("".join(f"t{number}\n" for number in range(MAX_TOKENS + 1)))
    with pytest.raises(TokenFileError, match=f"more than {MAX_TOKENS} tokens"):
        load_tokens(str(file))


def test_a_file_that_has_gone_is_not_made_anew_once_the_service_runs(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="cannot read the token file"):
        load_tokens(str(tmp_path / "token"))
    assert os.listdir(tmp_path) == []


def test_a_directory_in_its_place_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="cannot read the token file"):
        load_or_create_tokens(str(tmp_path))
