import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.environment_policy import EnvironmentPolicy, build_environment
from telexec_schemas.errors import ErrorReason
from telexec_service.config import Environment, Overlay, Policy, Requests
from telexec_service.core.environment import (
    RESULTS_REMEMBERED,
    EnvironmentRequest,
    HostEnvironment,
)
from telexec_service.core.failure import RpcFailure

OWN = {
    "PATH": "/bin",
    "HOME": "/h",
    "TELEXEC_TOKEN_FILE": "/t",
    "telexec_x": "1",
    "APP": "\udcff",
    "NOTIFY_SOCKET": "/n",
    "AWS_SECRET_ACCESS_KEY": "s",
    "LD_LIBRARY_PATH": "/lib",
}
VISIBLE = {"PATH": "/bin", "HOME": "/h", "APP": "\udcff", "LD_LIBRARY_PATH": "/lib"}
KEEP_ALL = EnvironmentPolicy(ignore_default_excludes=True)


def host(**rules: object) -> HostEnvironment:
    return HostEnvironment(OWN, msgspec.structs.replace(Environment(), **rules))


def built(environment: HostEnvironment, overlay: dict[str, str] | None = None, **request: object):
    return environment.build(EnvironmentRequest(overlay or {}, **request))[0]


def refusal(environment: HostEnvironment, overlay: dict[str, str], **request: object) -> RpcFailure:
    with pytest.raises(RpcFailure) as got:
        environment.build(EnvironmentRequest(overlay, **request))
    return got.value


def refused(environment: HostEnvironment, overlay: dict[str, str], **request: object) -> dict:
    failure = refusal(environment, overlay, **request)
    assert failure.reason is ErrorReason.ENVIRONMENT_REFUSED
    return {variable.name: variable.rule for variable in failure.refused}


class TestHidden:
    def test_hidden_variables_reach_no_child_whatever_policy_it_brings(self) -> None:
        assert built(host(), policy=KEEP_ALL) == VISIBLE

    def test_a_trusting_host_hides_only_what_is_the_services_own(self) -> None:
        environment = host(requests=Requests(policy="trusted"))

        assert built(environment, policy=KEEP_ALL) == VISIBLE | {"AWS_SECRET_ACCESS_KEY": "s"}

    def test_a_profile_never_shows_hidden_variables_however_trusting_the_host_is(self) -> None:
        keep_all = Policy(ignore_default_excludes=True)
        environment = host(requests=Requests(policy="trusted"), profiles={"all": keep_all})

        assert built(environment, profile="all") == VISIBLE

    def test_the_host_says_what_it_hides(self) -> None:
        assert "HOME" not in built(host(hide=["@identity"]), policy=KEEP_ALL)

    @pytest.mark.parametrize("name", ["TELEXEC_TOKEN_FILE", "telexec_new"])
    def test_a_request_cannot_pretend_to_be_the_services_starter(self, name: str) -> None:
        assert refused(host(), {name: "x"})[name].startswith("hidden @service")


class TestOverlay:
    @pytest.mark.parametrize(
        "name", ["LD_PRELOAD", "ld_preload", "BASH_ENV", "BASH_FUNC_ls%%", "PS4", "GCONV_PATH"]
    )
    @pytest.mark.parametrize("door", ["overlay", "unset", "policy", "exact", "profile"])
    def test_what_is_denied_comes_through_no_door(self, name: str, door: str) -> None:
        policy = EnvironmentPolicy(set={name: "x"}) if door == "policy" else None
        if door in {"overlay", "unset"}:
            policy = KEEP_ALL
        got = refused(
            host(),
            {name: "x"} if door in {"overlay", "exact", "profile"} else {},
            unset=[name] if door == "unset" else (),
            policy=policy,
            profile="default" if door == "profile" else None,
        )

        assert got[name].startswith("deny @")

    def test_a_value_that_is_a_function_is_denied_under_any_name(self) -> None:
        got = refused(host(), {"TERM": "() { :; }; echo owned"})

        assert got == {"TERM": "deny @shell: its value is a function"}

    def test_one_error_lists_every_refused_name_with_its_rule_and_what_is_accepted(self) -> None:
        environment = host(
            overlay=Overlay(allow=["APP_*", "PATH"], fixed=["HOME"], path_prepend=["/opt"])
        )
        failure = refusal(
            environment,
            {"LD_PRELOAD": "x", "HOME": "/x", "OTHER": "1", "PATH": "/evil:/bin", "APP_A": "1"},
            profile="default",
        )

        assert {v.name: v.rule for v in failure.refused} == {
            "LD_PRELOAD": "deny @loader LD_*",
            "HOME": "fixed HOME",
            "OTHER": "not in allow",
            "PATH": "path_prepend: only /opt may come before the host's",
        }
        assert all(name in str(failure) for name in ("LD_PRELOAD", "HOME", "OTHER", "PATH"))
        assert "names like APP_*, PATH" in failure.accepted[0]

    @pytest.mark.parametrize("path", ["/opt:/bin", "/opt:/opt/x:/bin", "/bin"])
    def test_path_may_be_prepended_with_what_the_host_lists(self, path: str) -> None:
        environment = host(overlay=Overlay(path_prepend=["/opt", "/opt/x"]))

        assert built(environment, {"PATH": path}, profile="default")["PATH"] == path

    @pytest.mark.parametrize("path", ["", ":", "/opt:", ":/opt", "/bin", "/opt:/bin"])
    @pytest.mark.parametrize("policy", [None, EnvironmentPolicy(inherit="none")])
    def test_where_there_is_no_path_only_what_the_host_lists_may_make_one(
        self, path: str, policy: EnvironmentPolicy | None
    ) -> None:
        environment = host(overlay=Overlay(path_prepend=["/opt", "/opt/x"]))

        assert built(environment, {"PATH": "/opt:/opt/x"}, policy=policy) == {"PATH": "/opt:/opt/x"}
        assert "PATH" in refused(environment, {"PATH": path}, policy=policy)

    def test_path_may_not_be_unset_where_it_may_only_be_prepended(self) -> None:
        environment = host(overlay=Overlay(path_prepend=["/opt"]))

        assert "PATH" in refused(environment, {}, unset=["PATH"], profile="default")

    def test_what_is_fixed_keeps_the_hosts_value_whatever_the_policy(self) -> None:
        environment = host(overlay=Overlay(fixed=["HOME"]))

        assert built(environment, policy=EnvironmentPolicy(inherit="none")) == {"HOME": "/h"}

    def test_unset_takes_a_name_out_last_and_exactly(self) -> None:
        environment = HostEnvironment({"A": "1", "a": "2", "A*": "3"}, Environment())

        got = built(environment, {"B": "4"}, policy=KEEP_ALL, unset=["A", "B", "missing"])

        assert got == {"a": "2", "A*": "3"}

    @pytest.mark.parametrize(
        ("name", "value"), [("", "x"), ("A=B", "x"), ("A\0B", "x"), ("A", "x\0y")]
    )
    def test_what_the_kernel_would_not_take_is_refused_by_name(self, name: str, value: str) -> None:
        for failure in (
            refusal(host(), {name: value}),
            refusal(host(), {}, policy=EnvironmentPolicy(set={name: value})),
        ):
            assert failure.reason is ErrorReason.ENVIRONMENT_INVALID
            assert failure.subject == name

    @pytest.mark.parametrize("value", ["x" * 6, "☃☃", "ääa\udcff"])
    def test_its_size_is_counted_in_bytes_as_the_kernel_counts(self, value: str) -> None:
        size = len("A=xxxxxx") + 1

        assert built(host(overlay=Overlay(max_bytes=size)), {"A": value}) == {"A": value}
        failure = refusal(host(overlay=Overlay(max_bytes=size - 1)), {"A": value})
        assert failure.reason is ErrorReason.LIMIT_REACHED

    @pytest.mark.parametrize(
        ("limits", "name"),
        [(Overlay(max_variables=2), "max_variables"), (Overlay(max_bytes=10), "max_bytes")],
    )
    def test_too_large_an_environment_names_the_limit(self, limits: Overlay, name: str) -> None:
        failure = refusal(host(overlay=limits), {"A": "1", "B": "2", "C": "3"})

        assert failure.reason is ErrorReason.LIMIT_REACHED
        assert failure.subject == name


class TestChoice:
    def test_without_a_policy_or_profile_the_environment_is_exact(self) -> None:
        assert built(host(), {"A": "1", "B": "2"}, unset=["B"]) == {"A": "1"}

    def test_a_host_may_refuse_exact_environments_and_says_what_to_use(self) -> None:
        environment = host(requests=Requests(exact=False), profiles={"ci": Policy()})

        failure = refusal(environment, {"A": "1"})

        assert failure.reason is ErrorReason.POLICY_REFUSED
        assert failure.accepted == ("default", "ci")

    def test_a_host_may_refuse_policies_from_requests(self) -> None:
        failure = refusal(host(requests=Requests(policy="off")), {}, policy=KEEP_ALL)

        assert failure.reason is ErrorReason.POLICY_REFUSED

    def test_a_profile_is_the_hosts_policy_by_name(self) -> None:
        environment = host(profiles={"ci": Policy(inherit="core", set={"CI": "1"})})

        assert built(environment, profile="ci") == {"PATH": "/bin", "HOME": "/h", "CI": "1"}

    def test_a_misspelt_profile_is_told_which_ones_there_are(self) -> None:
        failure = refusal(host(profiles={"ci": Policy()}), {}, profile="cI")

        assert failure.reason is ErrorReason.PROFILE_UNKNOWN
        assert "default, ci" in str(failure)

    def test_a_profile_and_a_policy_at_once_are_refused(self) -> None:
        failure = refusal(host(), {}, profile="default", policy=KEEP_ALL)

        assert failure.reason is ErrorReason.PARAMS_INVALID


class TestSummary:
    def test_it_counts_where_the_variables_come_from(self) -> None:
        environment = host(set={"CI": "1", "HOME": "/set"})
        request = EnvironmentRequest({"APP": "mine", "NEW": "1"}, unset=["LANG"], profile="default")

        summary = environment.build(request)[1]

        assert summary.profile == "default"
        assert (summary.inherited, summary.set, summary.overlaid, summary.hidden) == (2, 2, 2, 4)

    def test_the_digest_is_the_rules_not_the_variables(self) -> None:
        def digest(environment: HostEnvironment, **request: object) -> str:
            return environment.build(EnvironmentRequest({}, **request))[1].digest

        same = HostEnvironment(OWN | {"MORE": "1"}, Environment())
        assert digest(host(), profile="default") == digest(same, profile="default")
        different = [
            digest(host(), profile="default"),
            digest(host()),
            digest(host(), policy=KEEP_ALL),
            digest(host(hide=[]), profile="default"),
            digest(host(overlay=Overlay(deny=[])), profile="default"),
            digest(host(exclude=["X"]), profile="default"),
        ]
        assert len(set(different)) == len(different)


names = st.sampled_from(["PATH", "HOME", "APP", "NEW", "LANG", "MY_TOKEN", "foo", "ZED"])
values = st.text(alphabet="ab=\udcff", max_size=3)
patterns = st.sampled_from(["P*", "*O*", "A?P", "NEW", "*", "z*"])
policies = st.builds(
    EnvironmentPolicy,
    inherit=st.sampled_from(["all", "core", "none"]),
    ignore_default_excludes=st.booleans(),
    exclude=st.lists(patterns, max_size=2),
    set=st.dictionaries(names, values, max_size=2),
    include_only=st.lists(patterns, max_size=2),
)


@given(
    own=st.dictionaries(names, values),
    policy=st.none() | policies,
    overlay=st.dictionaries(names, values, max_size=3),
    unset=st.lists(names, max_size=2),
)
def test_the_explanation_agrees_with_what_is_built(
    own: dict, policy: EnvironmentPolicy | None, overlay: dict, unset: list
) -> None:
    environment = HostEnvironment(own, Environment(hide=["*HIDDEN*"]))
    request = EnvironmentRequest(overlay, unset, policy)

    got, summary = environment.build(request)
    explained = environment.explain(request, values=True)

    assert got == build_environment(own, policy, overlay, unset)
    assert [variable.name for variable in explained.variables] == sorted(got)
    assert not explained.refused
    dropped = {variable.name for variable in explained.dropped}
    touched = set(own) | set(overlay) | set(policy.set if policy else ())
    assert dropped >= (touched - set(got) if policy else set())
    assert not dropped & set(got)
    counts = [variable.origin for variable in explained.variables]
    assert counts.count("overlay") == summary.overlaid
    assert counts.count("host") == summary.inherited
    assert counts.count("set") == summary.set


@given(st.lists(policies, max_size=RESULTS_REMEMBERED * 2))
def test_a_remembered_result_is_what_a_new_one_would_be(given_policies: list) -> None:
    environment = HostEnvironment(VISIBLE, Environment())

    for policy in given_policies * 2:
        assert built(environment, {"O": "1"}, policy=policy) == build_environment(
            VISIBLE, policy, {"O": "1"}
        )


def test_what_one_child_gets_is_not_changed_for_the_next() -> None:
    environment = host()
    built(environment, policy=KEEP_ALL)["PATH"] = "changed"

    assert built(environment, policy=KEEP_ALL)["PATH"] == "/bin"


class TestExplanation:
    def test_it_says_why_each_name_is_there_or_not_and_no_secret(self) -> None:
        environment = host(set={"CI": "1"}, exclude=["APP"], profiles={"ci": Policy()})
        request = EnvironmentRequest(
            {"MY_TOKEN": "t", "LD_PRELOAD": "x", "A": "\udcff"}, ["HOME"], profile="default"
        )

        explained = environment.explain(request, values=True)

        assert {v.name: (v.origin, v.value) for v in explained.variables} == {
            "A": ("overlay", "\\udcff"),
            "CI": ("profile", "1"),
            "LD_LIBRARY_PATH": ("host", "/lib"),
            "MY_TOKEN": ("overlay", None),
            "PATH": ("host", "/bin"),
        }
        assert {v.name: v.rule for v in explained.dropped} == {
            "APP": "exclude APP",
            "AWS_SECRET_ACCESS_KEY": "hidden @credentials *ACCESS_KEY*",
            "HOME": "unset",
            "NOTIFY_SOCKET": "hidden @systemd NOTIFY_SOCKET",
            "TELEXEC_TOKEN_FILE": "hidden @service TELEXEC_*",
            "telexec_x": "hidden @service TELEXEC_*",
        }
        assert [v.name for v in explained.refused] == ["LD_PRELOAD"]

    def test_what_a_policy_may_not_set_is_refused_and_not_shown_as_set(self) -> None:
        request = EnvironmentRequest({}, policy=EnvironmentPolicy("none", set={"LD_AUDIT": "x"}))

        explained = host().explain(request, values=True)

        assert [v.name for v in explained.refused] == ["LD_AUDIT"]
        assert explained.variables == []

    def test_an_environment_that_is_too_large_to_start_with_is_not_explained_away(self) -> None:
        environment = host(overlay=Overlay(max_variables=1))
        request = EnvironmentRequest({"A": "1", "B": "2"})

        with pytest.raises(RpcFailure) as got:
            environment.explain(request, values=False)

        assert got.value.subject == "max_variables"

    def test_without_being_asked_it_says_no_value(self) -> None:
        explained = host().explain(EnvironmentRequest({"A": "1"}, policy=KEEP_ALL), values=False)

        assert {variable.value for variable in explained.variables} == {None}


@pytest.mark.parametrize(
    "request_",
    [
        EnvironmentRequest({"A": "x" * 100}, ("A",)),
        EnvironmentRequest({}, ("A" * 100,)),
        EnvironmentRequest({}, policy=EnvironmentPolicy(set={"A": "x" * 100}, include_only=["B"])),
        EnvironmentRequest({}, policy=EnvironmentPolicy(exclude=["A" * 100])),
        EnvironmentRequest({}, policy=EnvironmentPolicy(include_only=["A" * 100])),
    ],
    ids=["overlay", "unset", "set", "exclude", "include_only"],
)
def test_a_request_that_is_larger_than_an_environment_may_be_is_refused_before_it_is_remembered(
    request_: EnvironmentRequest,
) -> None:
    environment = host(overlay=Overlay(max_bytes=100))

    for ask in (environment.build, lambda r: environment.explain(r, values=False)):
        with pytest.raises(RpcFailure) as got:
            ask(request_)
        assert (got.value.reason, got.value.subject) == (ErrorReason.LIMIT_REACHED, "max_bytes")
