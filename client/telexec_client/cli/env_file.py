"""Files of environment variables: `--env-file`."""

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable
from telexec_client.cli.variables import InvalidVariableError

MAX_FILE_BYTES = 1024 * 1024
"""The largest file that is read: more is no file of variables but a mistake."""


class EnvFileUnreadableError(CommandError):
    """An environment file cannot be read, or is too large."""


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables of the file at `path`, as `parse_env_file` does.

    Raises:
        EnvFileUnreadableError: It cannot be read, or is larger than `MAX_FILE_BYTES`.
        InvalidVariableError: A line is not understood.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise EnvFileUnreadableError(f"cannot read {printable(path)}: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise EnvFileUnreadableError(
            f"cannot use {printable(path)}: it is larger than {MAX_FILE_BYTES} bytes"
        )
    return parse_env_file(content, path)


def parse_env_file(content: bytes, file_name: str) -> dict[str, str]:
    """Return the variables of an environment file; of two with one name the later one counts.

    One `NAME=VALUE` per line, UTF-8, the value taken as it stands: no quotes, no escapes, no
    expansion. Empty lines and lines whose first visible character is `#` are skipped; a carriage
    return at the end of a line is not part of the value.

    Args:
        content: The file.
        file_name: What errors call the file.

    Raises:
        InvalidVariableError: A line is written otherwise; the text names file and line.
    """
    variables: dict[str, str] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        written = line.removesuffix(b"\r")
        if not written.strip() or written.lstrip().startswith(b"#"):
            continue
        try:
            name, value = _parse_line(written)
        except ValueError as error:
            raise InvalidVariableError(
                f"cannot use {printable(file_name)}, line {number}: {error}"
            ) from error
        variables[name] = value
    return variables


def _parse_line(line: bytes) -> tuple[str, str]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("it has no '='; write NAME=VALUE")
    if not name or name != name.strip() or any(char.isspace() for char in name):
        raise ValueError(f"{name!r} is not a name; write NAME=VALUE")
    if "\0" in text:
        raise ValueError("it holds a NUL")
    return name, value
