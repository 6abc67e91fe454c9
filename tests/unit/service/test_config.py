from pathlib import Path

import pytest

from telexec_service.config import Config, ConfigError, load_config


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[sessions]\nlease_s = 2\n")

    config = load_config(str(file))

    assert config.sessions.lease_s == 2
    assert config.limits == Config().limits


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sessions]\nleas_s = 2\n", r"leas_s.*sessions"),
        ("[session]\n", "session"),
        ("[limits]\nmax_frame_bytes = 0\n", r">= 1.*max_frame_bytes"),
        ("[limits]\nmax_frame_bytes = 'big'\n", "max_frame_bytes"),
        ("[sessions]\nlease_s = inf\n", r"<= .*lease_s"),
        ("[env.requests]\npolicy = 'all'\n", r"env\.requests"),
        ("not toml", "line 1"),
        ("\udcff", "utf-8"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_place(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(ConfigError, match=said) as got:
        load_config(str(file))

    assert str(file) in str(got.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*No such file"):
        load_config(str(tmp_path / "none.toml"))
