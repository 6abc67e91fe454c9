"""Files of environment variables: `--env-file`."""

from telexec_client.cli.printable import printable
from telexec_client.cli.small_file import read_small_file
from telexec_client.cli.variables import InvalidVariableError


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables of the file at `path`, as `parse_env_file` does.

    Raises:
        FileUnreadableError: It cannot be read, or is too large.
        InvalidVariableError: A line is not understood.
    """
    return parse_env_file(read_small_file(path), path)


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
