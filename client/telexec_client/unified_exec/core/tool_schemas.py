"""The tools as a model is told of them."""

from typing import Any

import msgspec

from telexec_client.unified_exec.core.arguments import TOOLS, ToolArguments


def tool_schemas(*, strict: bool = True) -> list[dict[str, Any]]:
    """Return the tools as functions for a model, in the form of OpenAI's Responses API.

    Each has `type`, `name`, `description`, `strict` and `parameters`, a JSON Schema. For Chat
    Completions, all but `type` goes into a member `function` of its own.

    Args:
        strict: In strict mode a model keeps to the schema. It has to say every argument then, and
            says null for what it leaves to its default. Otherwise it just leaves it out.
    """
    return [
        {
            "type": "function",
            "name": name,
            "description": " ".join((kind.__doc__ or "").split()),
            "strict": strict,
            "parameters": _parameters(kind, strict=strict),
        }
        for name, kind in TOOLS.items()
    ]


def _parameters(kind: type[ToolArguments], *, strict: bool) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    properties = {
        name: _property(described, strict=strict)
        for name, described in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if strict else schema["required"],
        "additionalProperties": False,
    }


def _property(schema: dict[str, Any], *, strict: bool) -> dict[str, Any]:
    described = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    if "anyOf" in schema:
        types = [choice["type"] for choice in schema["anyOf"]]
        described["type"] = types if strict else next(kind for kind in types if kind != "null")
    return described
