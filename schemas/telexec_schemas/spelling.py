"""What somebody probably meant who wrote something unknown."""

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean …?` with the known word that is most like this one; empty: none is."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    return "".join(f"did you mean {it}?" for it in difflib.get_close_matches(word, known, n=1))
