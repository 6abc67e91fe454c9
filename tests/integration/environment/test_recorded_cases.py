"""What Codex's exec-server was seen to do, held against children of a running service."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.raw_peer import raw_peer
from tests.harness.server import Server, minimal_environment
from tests.harness.service import running_service
from tests.integration.environment.reporters import environment_of

RECORDED = json.loads(
    (Path(__file__).parents[2] / "vectors" / "env_policy.json").read_text(encoding="utf-8")
)
HOST_ENVIRONMENT: dict[str, str] = RECORDED["host_env"]

HIDDEN = {
    "AWS_SECRET_ACCESS_KEY": 38,
    "GITHUB_TOKEN": 37,
    "PASSWORD": 65,
    "SSH_AUTH_SOCK": 64,
    "Secret_Sauce": 40,
    "api_key": 38,
}
"""What a host hides of these variables by default, and in how many of the cases it matters."""


@pytest.fixture(scope="module", params=["trusted", "bounded"])
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Server]]:
    """Return a service with the recorded environment and no other variable, and its mode."""
    # A service always gets these from the harness; here they are among the recorded ones.
    assert minimal_environment(Path()).keys() <= HOST_ENVIRONMENT.keys()
    with running_service(
        tmp_path_factory.mktemp("host"),
        env=HOST_ENVIRONMENT,
        config=f'[env.requests]\npolicy = "{request.param}"\n',
    ) as server:
        yield request.param, server


async def test_every_recorded_case_holds_for_a_real_child(host: tuple[str, Server]) -> None:
    mode, server = host
    missing: Counter[str] = Counter()
    async with raw_peer(server.url) as peer:
        for case in RECORDED["vectors"]:
            seen = await environment_of(peer, envPolicy=case["policy"], env=case["overlay"])
            expected: dict[str, str] = case["expected"]
            hidden = _hidden_of(case) if mode == "bounded" else set[str]()
            assert seen == {k: v for k, v in expected.items() if k not in hidden}, case
            missing.update(hidden)
    assert len(RECORDED["vectors"]) == 186
    assert missing == (HIDDEN if mode == "bounded" else {})


def _hidden_of(case: dict[str, Any]) -> set[str]:
    """Return the host's hidden variables that the recorded server gave, and not the request."""
    given_by_request = {*case["overlay"], *(case["policy"] or {"set": {}})["set"]}
    return (case["expected"].keys() & HIDDEN.keys()) - given_by_request
