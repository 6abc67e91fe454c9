"""Whatever the host's locale, a child gets the bytes that the host has and a request sends."""

from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.raw_peer import raw_peer
from tests.harness.server import minimal_environment
from tests.harness.service import running_service
from tests.integration.environment.reporters import environment_of

UNUSUAL = {
    "UNI": "naïve-☃",
    "BYTES": "\udcff\udcfe",
    "CONTROL": "\x01\n\t\x7f",
    "EMPTY": "",
    "Ä": "ö",
}

LOCALES = {
    "UTF-8": {"LANG": "C.UTF-8"},
    "C": {"LANG": "C"},
    "POSIX by another variable": {"LC_CTYPE": "POSIX"},
    "one that is not there": {"LC_ALL": "xx_YY.ISO-8859-1"},
    "ASCII and nothing else": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("locale", LOCALES)
async def test_names_and_values_arrive_as_they_are(tmp_path: Path, locale: str) -> None:
    env = UNUSUAL | LOCALES[locale]
    sent = {"SENT": "ï☃", "☃": "snow"}
    with running_service(tmp_path, env=env) as server:
        async with raw_peer(server.url) as peer:
            seen = await environment_of(peer, envProfile="default", env=sent)
            process = await peer.start(programs.say("☃ï"), cwd=tmp_path.as_uri())
            assert await process.exit_code() == 0
    # Not a variable more: what Python sets for itself is none of the host's.
    assert seen == minimal_environment(tmp_path) | env | sent
    assert process.output().decode() == "☃ï"
