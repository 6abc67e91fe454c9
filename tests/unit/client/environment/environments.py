"""Environments and policies that Hypothesis makes up."""

from hypothesis import strategies as st

from telexec_client import EnvironmentDelta
from telexec_schemas.environment_policy import CORE_NAMES, EnvironmentPolicy

names = st.text("Aa_1", min_size=1, max_size=3) | st.sampled_from(
    [*sorted(CORE_NAMES), "Path", "home", "API_KEY", "my_secret", "Tokens", "ÄÖ"]
)
values = st.text("xy=", max_size=2) | st.sampled_from(["", "caf\udce9", "\n"])
environments = st.dictionaries(names, values, max_size=8)
patterns = st.lists(st.text("Aa_*?[]", max_size=4) | st.sampled_from(["*", "A*", "?"]), max_size=3)
policies = st.builds(
    EnvironmentPolicy,
    inherit=st.sampled_from(["all", "core", "none"]),
    ignore_default_excludes=st.booleans(),
    exclude=patterns,
    set=environments,
    include_only=patterns,
)
deltas = st.builds(
    lambda variables, unset: EnvironmentDelta(variables, set(unset) - set(variables)),
    environments,
    st.lists(names, max_size=4),
)
