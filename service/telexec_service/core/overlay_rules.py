"""Which variables a request may touch on this host."""

from collections.abc import Mapping, Sequence

from telexec_schemas.environment_policy import first_match
from telexec_service.config import Overlay
from telexec_service.core.name_classes import CLASSES, FUNCTION_VALUE_PREFIX, expand

NAMES_REMEMBERED = 4096
"""How many verdicts are kept: clients touch a few names over and over."""


class OverlayRules:
    """Decides about names and values that a request brings.

    Args:
        overlay: The host's rules; its classes are known (the configuration was checked).
    """

    def __init__(self, overlay: Overlay) -> None:
        self._allow = expand(overlay.allow)
        self._deny = expand(overlay.deny)
        self._fixed = expand(overlay.fixed)
        self._path_prepend = overlay.path_prepend
        self._denies_functions = "@shell" in overlay.deny
        self._accepted = _in_words(overlay)
        self._verdicts: dict[str, str | None] = {}

    @property
    def accepted(self) -> str:
        """What a request may touch, in words."""
        return self._accepted

    def is_fixed(self, name: str) -> bool:
        """Whether a variable keeps the host's value."""
        return first_match(name, tuple(self._fixed)) is not None

    def refusal(self, name: str, value: str | None, host_path: str | None) -> str | None:
        """Return the rule by which a request may not touch a variable; None: it may.

        Args:
            name: The variable.
            value: What it is to be; None: it is to be unset.
            host_path: The PATH that the environment has without the request; None: it has none.
        """
        if name not in self._verdicts:
            if len(self._verdicts) >= NAMES_REMEMBERED:
                self._verdicts.clear()
            self._verdicts[name] = self._name_refusal(name)
        rule = self._verdicts[name]
        if rule is not None:
            return rule
        # Old shells make a function of it, whatever the name.
        if self._denies_functions and (value or "").lstrip().startswith(FUNCTION_VALUE_PREFIX):
            return "deny @shell: its value is a function"
        if name == "PATH" and self._path_prepend is not None:
            return self._path_refusal(value, host_path, self._path_prepend)
        return None

    def _name_refusal(self, name: str) -> str | None:
        pattern = first_match(name, CLASSES["@service"].patterns)
        if pattern is not None:
            return f"hidden @service {pattern}"
        for verb, rules in (("fixed", self._fixed), ("deny", self._deny)):
            pattern = first_match(name, tuple(rules))
            if pattern is not None:
                source = rules[pattern]
                return f"{verb} {pattern}" if source == pattern else f"{verb} {source} {pattern}"
        return None if first_match(name, tuple(self._allow)) is not None else "not in allow"

    @staticmethod
    def _path_refusal(
        value: str | None, host_path: str | None, prefixes: Sequence[str]
    ) -> str | None:
        rule = f"path_prepend: only {', '.join(prefixes) or 'nothing'} may come before the host's"
        if value is None:
            return rule
        if value == host_path:
            return None
        added = value
        if host_path is not None:
            if not value.endswith(f":{host_path}"):
                return rule
            added = value[: -len(host_path) - 1]
        # An empty directory is none of the prefixes: it would be the one that the child starts in.
        return None if set(added.split(":")) <= set(prefixes) else rule


def check_names(overlay: Mapping[str, str]) -> dict[str, str]:
    """Return the names and values that no kernel takes (POSIX.1-2017, 8.1), each with why."""
    bad: dict[str, str] = {}
    for name, value in overlay.items():
        if not name or "=" in name or "\0" in name:
            bad[name] = "invalid: a name must not be empty and must hold neither `=` nor NUL"
        elif "\0" in value:
            bad[name] = "invalid: its value holds a NUL"
    return bad


def _in_words(overlay: Overlay) -> str:
    allowed = "any name" if "*" in overlay.allow else f"names like {', '.join(overlay.allow)}"
    parts = [allowed]
    if overlay.deny:
        parts.append(f"but none of {', '.join(overlay.deny)}")
    if overlay.fixed:
        parts.append(f"and not what is fixed ({', '.join(overlay.fixed)})")
    if overlay.path_prepend is not None:
        before = ", ".join(overlay.path_prepend) or "nothing"
        parts.append(f"and PATH only with {before} before the host's")
    return ", ".join(parts)
