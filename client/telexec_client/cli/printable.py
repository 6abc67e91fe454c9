"""Text of hosts and callers, fit for a terminal."""


def printable(text: str) -> str:
    """Return a text with whatever would move the cursor, not be seen or not be UTF-8 made visible.

    So no host can send commands to the caller's terminal in a name, a value or a message.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
