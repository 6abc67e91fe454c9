"""What the command line itself fails with, before or beside what the client fails with."""


class CommandError(Exception):
    """telexec cannot do what it was asked for; the text is the one line that the caller sees."""
