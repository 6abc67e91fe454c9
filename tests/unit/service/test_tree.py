"""Which trees of processes are within others."""

from hypothesis import given
from hypothesis import strategies as st

from telexec_service.processes.tree import WHOLE_HOST, Tree

starts = st.integers(0, 1000)
parts = st.builds(lambda first, size: range(first, first + size), starts, st.integers(1, 1000))
trees = st.builds(lambda some: Tree(tuple(some)), st.lists(parts, max_size=3))


@given(trees)
def test_all_are_within_the_host_and_within_themselves(tree: Tree) -> None:
    assert WHOLE_HOST.holds(tree)
    assert tree.holds(tree)


@given(trees, starts)
def test_what_one_start_brought_is_within_the_tree_that_has_its_serial(
    tree: Tree, serial: int
) -> None:
    assert tree.holds(Tree((range(serial, serial + 1),))) == (serial in tree)


@given(trees, trees)
def test_what_is_in_one_within_another_is_in_that_one_too(tree: Tree, other: Tree) -> None:
    if tree.holds(other):
        assert all(part[0] in tree and part[-1] in tree for part in other.serials)
