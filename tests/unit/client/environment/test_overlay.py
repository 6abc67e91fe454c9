from hypothesis import given
from hypothesis import strategies as st

from telexec_client import EnvironmentPolicy, overlay_of
from telexec_schemas.environment_policy import build_environment
from tests.unit.client.environment.environments import environments, policies


@given(wanted=environments, policy=st.none() | policies, local=environments)
def test_laid_over_what_an_equal_host_gives_it_makes_the_same_environment_again(
    wanted: dict[str, str], policy: EnvironmentPolicy | None, local: dict[str, str]
) -> None:
    overlay = overlay_of(wanted, policy, local)
    assert build_environment(local, policy, overlay.variables, overlay.unset) == wanted


@given(wanted=environments, policy=policies, local=environments)
def test_nothing_that_the_policy_gives_anyway_is_sent(
    wanted: dict[str, str], policy: EnvironmentPolicy, local: dict[str, str]
) -> None:
    overlay = overlay_of(wanted, policy, local)
    given_here = build_environment(local, policy, {})
    assert not overlay.variables.items() & given_here.items()
    assert set(overlay.unset) <= given_here.keys()


@given(wanted=environments, local=environments)
def test_an_exact_environment_is_sent_whole(wanted: dict[str, str], local: dict[str, str]) -> None:
    overlay = overlay_of(wanted, None, local)
    assert (dict(overlay.variables), set(overlay.unset)) == (wanted, set())


def test_what_comes_from_the_machine_is_left_to_the_other_machine() -> None:
    here = {"HOME": "/orch", "PATH": "/orch/bin", "API_TOKEN": "secret", "EDITOR": "vi"}
    wanted = {"HOME": "/orch", "PATH": "/orch/bin", "NO_COLOR": "1"}
    overlay = overlay_of(wanted, EnvironmentPolicy(), here)
    assert (dict(overlay.variables), set(overlay.unset)) == ({"NO_COLOR": "1"}, {"EDITOR"})
    there = {"HOME": "/host", "PATH": "/host/bin", "HOST_ONLY": "h"}
    assert build_environment(there, EnvironmentPolicy(), overlay.variables, overlay.unset) == {
        "HOME": "/host",
        "PATH": "/host/bin",
        "HOST_ONLY": "h",
        "NO_COLOR": "1",
    }
