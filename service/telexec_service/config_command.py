"""`telexec-service config`: looking at the configuration."""

from importlib import resources
from typing import Any, cast

import msgspec
import tomli_w

from telexec_schemas.environment_policy import first_match
from telexec_service.config import Config
from telexec_service.core.name_classes import CLASSES

_MASK = "(not shown)"


def config_template() -> str:
    """Return a configuration file with every key, its default and what it means."""
    return resources.files("telexec_service").joinpath("config_template.toml").read_text("utf-8")


def shown_config(config: Config) -> str:
    """Return a configuration as TOML; values of credential-like variables are left out."""
    document: dict[str, Any] = msgspec.to_builtins(config)
    for policy in (document["env"], *document["env"]["profiles"].values()):
        for name in policy["set"]:
            if first_match(name, CLASSES["@credentials"].patterns) is not None:
                policy["set"][name] = _MASK
    return tomli_w.dumps(_without_none(document))


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: what is not set is not there."""
    return {
        key: _without_none(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }
