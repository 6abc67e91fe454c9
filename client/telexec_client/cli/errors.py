"""What the command line itself fails with, before or beside what the client fails with."""

from telexec_client.cli.exit_codes import OWN_FAILURE


class CommandError(Exception):
    """telexec cannot do what it was asked for; the text is the one line that the caller sees.

    Attributes:
        exit_code: What telexec ends with.
    """

    exit_code = OWN_FAILURE
