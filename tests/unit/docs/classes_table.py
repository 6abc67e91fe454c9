"""The table of name classes in the documentation; run it to have the table there made anew."""

from pathlib import Path

from telexec_service.core.name_classes import CLASSES, CLASSES_VERSION

DOCUMENT = Path(__file__).parents[3] / "docs/environment.md"
BEGIN = "<!-- made by: python -m tests.unit.docs.classes_table -->\n"
END = "<!-- end -->\n"


def with_classes_table(text: str) -> str:
    """Return a document with the table between its marks, as it is to be."""
    rows = [
        f"| `{name}` | {one.meaning} | {' '.join(f'`{pattern}`' for pattern in one.patterns)} "
        f"| {one.source} |\n"
        for name, one in CLASSES.items()
    ]
    table = "".join(
        [
            f"Version {CLASSES_VERSION} of the table, which is part of every digest.\n\n",
            "| class | what its variables are | patterns | after |\n",
            "| --- | --- | --- | --- |\n",
            *rows,
        ]
    )
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table + END + after


if __name__ == "__main__":
    DOCUMENT.write_text(with_classes_table(DOCUMENT.read_text()))
