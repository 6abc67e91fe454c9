"""What to change of an environment that somebody else makes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, repr=False)
class EnvironmentDelta:
    """Variables to set and names to take out, for `env=` and `unset=` of a start.

    `first | second` is both of them, one after the other: where they disagree, `second` counts.
    Nothing is in both halves.

    >>> EnvironmentDelta({"A": "1", "B": "2"}) | EnvironmentDelta({"A": "3"}, {"B"})
    <EnvironmentDelta sets ['A'], unsets ['B']>

    Attributes:
        variables: What to set; cannot be changed.
        unset: What to take out.

    Raises:
        ValueError: A name is to be both set and taken out.
    """

    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    unset: Collection[str] = frozenset()

    def __post_init__(self) -> None:
        variables, unset = MappingProxyType(dict(self.variables)), frozenset(self.unset)
        both = sorted(unset.intersection(variables))
        if both:
            raise ValueError(f"cannot both set and unset {', '.join(both)}")
        object.__setattr__(self, "variables", variables)
        object.__setattr__(self, "unset", unset)

    def __repr__(self) -> str:
        # No values: they may be secrets.
        return f"<EnvironmentDelta sets {sorted(self.variables)}, unsets {sorted(self.unset)}>"

    def __or__(self, later: "EnvironmentDelta") -> "EnvironmentDelta":
        kept = {name: self.variables[name] for name in self.variables if name not in later.unset}
        return EnvironmentDelta(
            kept | dict(later.variables),
            frozenset(self.unset).difference(later.variables).union(later.unset),
        )
