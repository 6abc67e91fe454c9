"""The executors, as the orchestrator in their network knows them."""

import json
from typing import Any

from telexec_client import connect

TOKENS = "/run/secrets"

HOSTS: dict[str, dict[str, Any]] = {
    "executor-a": {
        "url": "ws://executor-a:7333",
        "token_file": f"{TOKENS}/executor_a_token",
    },
    "executor-b": {
        "url": "wss://executor-b:7333",
        "token_file": f"{TOKENS}/executor_b_token",
        "ca_file": f"{TOKENS}/certificate_authority",
    },
    "spare": {
        "url": "ws://spare:7333",
        "token_file": f"{TOKENS}/executor_a_token",
    },
}


def connect_to(name: str) -> Any:
    """Connect to an executor by its name."""
    return connect(**HOSTS[name])


def report(what: object) -> None:
    """Tell the test something."""
    print(json.dumps(what), flush=True)
