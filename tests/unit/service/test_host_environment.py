import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.environment_policy import EnvironmentPolicy, build_environment
from telexec_schemas.errors import ErrorReason
from telexec_service.config import Environment
from telexec_service.core.environment import POLICIES_REMEMBERED, HostEnvironment
from telexec_service.core.failure import RpcFailure

OWN = {"PATH": "/bin", "HOME": "/h", "TELEXEC_TOKEN_FILE": "/t", "telexec_x": "1", "APP": "\udcff"}
KEEP_ALL = EnvironmentPolicy(ignore_default_excludes=True)


def test_the_services_own_variables_reach_no_child_that_inherits() -> None:
    host = HostEnvironment(OWN, Environment())

    assert host.build(KEEP_ALL, {}) == {"PATH": "/bin", "HOME": "/h", "APP": "\udcff"}


def test_a_trusting_host_gives_its_raw_environment() -> None:
    host = HostEnvironment(OWN, Environment(request_policy="trusted"))

    assert host.build(KEEP_ALL, {}) == OWN


def test_without_a_policy_the_environment_is_exact() -> None:
    host = HostEnvironment(OWN, Environment())

    assert host.build(None, {"A": "1", "B": "2"}, unset=["B"]) == {"A": "1"}


def test_unset_takes_a_name_out_last_and_exactly() -> None:
    host = HostEnvironment({"A": "1", "a": "2", "A*": "3"}, Environment())

    assert host.build(KEEP_ALL, {"B": "4"}, unset=["A", "B", "missing"]) == {"a": "2", "A*": "3"}


policies = st.builds(
    EnvironmentPolicy,
    inherit=st.sampled_from(["all", "core", "none"]),
    ignore_default_excludes=st.booleans(),
    exclude=st.lists(st.sampled_from(["P*", "*O*", "A?P"]), max_size=2),
    set=st.dictionaries(st.sampled_from(["PATH", "NEW"]), st.just("set"), max_size=2),
    include_only=st.lists(st.sampled_from(["*A*", "NEW"]), max_size=2),
)


@given(st.lists(policies, max_size=POLICIES_REMEMBERED * 2))
def test_a_remembered_policy_gives_what_a_new_one_does(given_policies: list) -> None:
    host = HostEnvironment(OWN, Environment(request_policy="trusted"))

    for policy in given_policies * 2:
        assert host.build(policy, {"O": "1"}) == build_environment(OWN, policy, {"O": "1"})


def test_what_one_child_gets_is_not_changed_for_the_next() -> None:
    host = HostEnvironment(OWN, Environment())
    host.build(KEEP_ALL, {})["PATH"] = "changed"

    assert host.build(KEEP_ALL, {})["PATH"] == "/bin"


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("A=B", "x"), ("A\0B", "x"), ("A", "x\0y")])
def test_what_the_kernel_would_not_take_is_refused_by_name(name: str, value: str) -> None:
    host = HostEnvironment(OWN, Environment())

    with pytest.raises(RpcFailure) as got:
        host.build(KEEP_ALL, {name: value})

    assert got.value.reason is ErrorReason.ENVIRONMENT_INVALID
    assert got.value.subject == name
