import os
import stat
from pathlib import Path

import pytest

from telexec_service.transport.token_file import TokenFileError, load_or_create_token


def test_a_missing_file_is_made_with_a_random_token_that_only_its_owner_reads(
    tmp_path: Path,
) -> None:
    file = tmp_path / "state" / "token"

    token = load_or_create_token(str(file))

    assert file.read_text() == token + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(token) >= 40
    assert load_or_create_token(str(file)) == token
    assert os.listdir(file.parent) == ["token"]
    assert load_or_create_token(str(tmp_path / "other")) != token


def test_the_mode_is_right_whatever_the_mask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        load_or_create_token(str(tmp_path / "token"))
    finally:
        os.umask(mask)

    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words\n", b"a\nb\n", b"t\xc3\xb6ken", b"x" * 5000]
)
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(TokenFileError, match="cannot use the token file"):
        load_or_create_token(str(file))


def test_a_directory_in_its_place_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="cannot read the token file"):
        load_or_create_token(str(tmp_path))
