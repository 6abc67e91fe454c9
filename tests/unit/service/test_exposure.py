from pathlib import Path

import pytest

from telexec_service.transport.exposure import exposed_mode


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_file_of_its_owner_alone_is_not_exposed(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.touch(mode=mode)

    assert exposed_mode(str(file)) is None


@pytest.mark.parametrize("mode", [0o440, 0o444, 0o604, 0o620, 0o601])
def test_what_others_may_do_is_told_by_the_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.touch()
    file.chmod(mode)

    assert exposed_mode(str(file)) == f"{mode:04o}"


def test_the_file_behind_a_link_counts_and_one_that_is_not_there_does_not(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "link").symlink_to(tmp_path / "secret")

    assert exposed_mode(str(tmp_path / "link")) is None
    assert exposed_mode(str(tmp_path / "gone")) is None
