from collections.abc import Mapping

import msgspec
import pytest
from msgspec import UNSET

from telexec_client.environment import HOST_POLICY
from telexec_client.errors import (
    EnvironmentRefusedError,
    StartError,
    UnsupportedError,
    WorkingDirectoryError,
)
from telexec_client.process.request import HostFacts, StartWish, start_request
from telexec_schemas.environment_policy import EnvironmentPolicy
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.lifecycle import ExtensionGrant, Limits
from telexec_schemas.process import ProcessLimits, StartProcess, TerminalSize

LIMITS = Limits(lease_ms=1, max_frame_bytes=1, retained_bytes=1, max_processes=1)
ALL = ExtensionGrant(
    version=1,
    server="1",
    limits=LIMITS,
    close_stdin=True,
    signals=True,
    resize=True,
    env_unset=True,
    timeouts=True,
    flow=True,
    lost=True,
)
OURS = HostFacts(cwd_uri="file:///home/u", is_embedded=False, extensions=ALL)
PLAIN = HostFacts(cwd_uri="file:///home/u", is_embedded=False, extensions=None)
EMBEDDED = HostFacts(cwd_uri="file:///home/u", is_embedded=True, extensions=ALL)


def request(wish: StartWish, host: HostFacts = OURS) -> StartProcess:
    return start_request(wish, host, ProcessId("id"), 512)


def test_by_default_a_remote_process_gets_the_environment_of_its_host() -> None:
    made = request(StartWish(argv=["prog"], env={"A": "b"}))
    assert made.env_policy == EnvironmentPolicy()
    assert made.env == {"A": "b"}


def test_by_default_an_embedded_process_gets_exactly_what_it_is_given() -> None:
    made = request(StartWish(argv=["prog"], env={"A": "b"}), EMBEDDED)
    assert made.env_policy is None
    assert made.env == {"A": "b"}


@pytest.mark.parametrize("host", [OURS, PLAIN, EMBEDDED])
def test_without_a_policy_the_environment_is_exact_everywhere(host: HostFacts) -> None:
    wish = StartWish(argv=["prog"], env={"A": "b", "C": "d"}, env_policy=None, unset=["C"])
    made = request(wish, host)
    assert made.env_policy is None
    assert made.env == {"A": "b"}
    assert made.env_unset is UNSET


def test_a_policy_is_passed_on_as_it_is() -> None:
    policy = EnvironmentPolicy(inherit="core", exclude=["X*"])
    for host in (OURS, PLAIN, EMBEDDED):
        assert request(StartWish(argv=["prog"], env_policy=policy), host).env_policy == policy


def test_a_plain_peer_is_sent_nothing_that_it_does_not_know() -> None:
    made = request(StartWish(argv=["prog"], timeout_s=5), PLAIN)
    assert (made.timeout_ms, made.credit_bytes, made.size) == (UNSET, UNSET, UNSET)


@pytest.mark.parametrize(
    "wish",
    [
        StartWish(argv=["prog"], unset=["A"]),
        StartWish(argv=["prog"], tty=True, size=TerminalSize()),
        StartWish(argv=["prog"], timeout_s=1, kill_grace_s=1),
    ],
)
def test_what_a_plain_peer_cannot_do_is_refused_before_anything_starts(wish: StartWish) -> None:
    with pytest.raises(UnsupportedError):
        request(wish, PLAIN)
    request(wish, OURS)


def test_a_service_is_told_the_time_the_credit_and_the_size() -> None:
    size = TerminalSize(10, 20)
    wish = StartWish(argv=["prog"], tty=True, size=size, timeout_s=0.0001, kill_grace_s=2)
    made = request(wish)
    assert (made.timeout_ms, made.kill_grace_ms, made.credit_bytes) == (1, 2000, 512)
    assert made.size == size


def test_the_directory_is_the_hosts_unless_one_is_named() -> None:
    assert request(StartWish(argv=["prog"])).cwd == "file:///home/u"
    assert request(StartWish(argv=["prog"], cwd="/a b/ü")).cwd == "file:///a%20b/%C3%BC"


@pytest.mark.parametrize("cwd", ["relative", "", "/a\0b", "~"])
def test_a_directory_that_no_host_can_have_is_refused(cwd: str) -> None:
    with pytest.raises(WorkingDirectoryError):
        request(StartWish(argv=["prog"], cwd=cwd))


@pytest.mark.parametrize("env", [{"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {"A": "x\0y"}])
def test_a_variable_that_no_process_can_have_is_refused(env: Mapping[str, str]) -> None:
    with pytest.raises(EnvironmentRefusedError) as refusal:
        request(StartWish(argv=["prog"], env=env))
    # What a variable holds may be a secret.
    assert "x\0y" not in str(refusal.value)


@pytest.mark.parametrize(
    "wish",
    [
        StartWish(argv=[]),
        StartWish(argv="ls -l"),
        StartWish(argv=["prog", "a\0b"]),
        StartWish(argv=["prog"], size=TerminalSize()),
        StartWish(argv=["prog"], timeout_s=-1),
    ],
)
def test_what_no_host_can_start_is_refused(wish: StartWish) -> None:
    with pytest.raises(StartError):
        request(wish)


def test_the_default_is_the_hosts_own_policy() -> None:
    assert StartWish(argv=["prog"]).env_policy is HOST_POLICY


def test_a_name_is_not_taken_for_names() -> None:
    with pytest.raises(StartError, match="unset is a collection"):
        request(StartWish(argv=["prog"], unset="LANG"))


def test_limits_of_trees_need_a_host_that_has_the_very_same() -> None:
    grant = msgspec.structs.replace(ALL, tree_limits=["treeTasks"])
    host = HostFacts(cwd_uri="file:///", is_embedded=False, extensions=grant)
    offered = ProcessLimits(tree_tasks=10)
    assert request(StartWish(argv=["prog"], limits=offered), host).limits == offered
    for lacking in (
        ProcessLimits(tree_tasks=10, tree_memory_bytes=1),
        ProcessLimits(tree_tasks=10, open_files=1),
    ):
        with pytest.raises(UnsupportedError):
            request(StartWish(argv=["prog"], limits=lacking), host)


def test_limits_need_a_host_that_knows_them() -> None:
    limits = ProcessLimits(open_files=10)
    wish = StartWish(argv=["prog"], limits=limits, idle_timeout_s=1.5)
    grant = msgspec.structs.replace(ALL, process_limits=True)
    made = request(wish, HostFacts(cwd_uri="file:///", is_embedded=False, extensions=grant))
    assert (made.limits, made.idle_timeout_ms) == (limits, 1500)
    for lacking in (
        StartWish(argv=["prog"], limits=limits),
        StartWish(argv=["prog"], idle_timeout_s=1),
    ):
        with pytest.raises(UnsupportedError):
            request(lacking, PLAIN)
