"""Equal starts are known to be equal, others by what differs, and nothing else is kept."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.environment import EnvironmentSummary
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.process import StartProcess
from telexec_service.core.origin import SHOWN_ARGV_BYTES, origin_of
from telexec_service.core.start_digest import differing, digest_of

BASE: dict[str, Any] = {
    "processId": "p",
    "argv": ["prog"],
    "cwd": "file:///",
    "env": {},
    "tty": False,
}
OTHERS: dict[str, list[Any]] = {
    "argv": [["prog", ""], ["pro", "g"], ["prog2"]],
    "cwd": ["file:///tmp"],
    "env": [{"A": "1"}, {"A": "2"}, {"A": "1", "B": ""}],
    "tty": [True],
    "envPolicy": [{"inherit": "all", "ignoreDefaultExcludes": True}],
    "envProfile": ["ci"],
    "envUnset": [["A"], []],
    "pipeStdin": [True],
    "arg0": ["", "x"],
    "metadata": [{"threadId": "t"}],
    "size": [{"rows": 2, "columns": 3}],
    "timeoutMs": [0, 5],
    "idleTimeoutMs": [1],
    "killGraceMs": [1],
    "overflow": ["drop"],
    "mergeStderr": [True],
}


def params(changes: dict[str, Any]) -> StartProcess:
    return msgspec.convert(BASE | changes, StartProcess)


changes = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in OTHERS.items()}
)


@given(changes, changes)
def test_exactly_what_differs_is_named(one: dict[str, Any], two: dict[str, Any]) -> None:
    before, now = BASE | one, BASE | two
    expected = {name for name in OTHERS if before.get(name) != now.get(name)}
    names = differing(digest_of(params(one)), digest_of(params(two)))
    assert set(names) == expected


@given(changes, st.integers(0, 9), st.integers(0, 9))
def test_the_way_of_the_output_is_not_compared(
    one: dict[str, Any], credit: int, handle: int
) -> None:
    other = params({**one, "creditBytes": credit, "handle": handle, "processId": "q"})
    assert not differing(digest_of(params(one)), digest_of(other))


def test_the_order_of_variables_says_nothing() -> None:
    one, two = params({"env": {"A": "1", "B": "2"}}), params({"env": {"B": "2", "A": "1"}})
    assert digest_of(one) == digest_of(two)


@given(st.lists(st.text(max_size=3000), min_size=1, max_size=20))
def test_of_a_command_line_a_bounded_beginning_is_kept(argv: list[str]) -> None:
    start = StartProcess(ProcessId("p"), argv, "file:///", {}, tty=False)
    origin = origin_of(start, EnvironmentSummary(None, "", 0, 0, 0, 0), 0.0)
    assert sum(len(it.encode()) for it in origin.argv) <= SHOWN_ARGV_BYTES + len("…".encode())
    if origin.is_argv_cut:
        assert len("".join(argv).encode()) + len(argv) > SHOWN_ARGV_BYTES
        assert "".join(argv).startswith("".join(origin.argv).rstrip("…"))
    else:
        assert list(origin.argv) == argv
    assert len(origin.digest) < 300
