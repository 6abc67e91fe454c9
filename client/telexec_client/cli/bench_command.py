"""`telexec bench`: its options and help. What it does is elsewhere."""

import click

from telexec_client.cli.options import host_options
from telexec_client.cli.request import Target

_EPILOG = """\b
Examples:
  telexec bench
  telexec bench --url ws://build1:7333 --token-file ~/token
  telexec bench --host build1 --json | jq .exec.p50Ms

\b
What is measured, from here and through the client library:
  connecting                    once
  true, one after the other     from request to exit code and end of output
  true, 8 and 32 at once        on one connection
  output of one process         of head -c 1073741824 /dev/zero, 2.5 s of it
  a line through cat and back   32 bytes to a running process

\b
Exit code: 0, 126 or 127 if the host cannot execute or find a program, 125 if
telexec itself failed.
"""


@click.command("bench", short_help="Measure how fast a host is.", epilog=_EPILOG)
@host_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(*, host: Target, as_json: bool) -> int:
    """Measure how fast a host runs commands and hands over output, in about 10 seconds.

    It runs `true`, `head` and `cat` of the host and leaves nothing behind. The host is busy
    meanwhile, and its log gets a few thousand lines.
    """
    from telexec_client.cli.host_bench import bench_there  # noqa: PLC0415 - slow to import

    return bench_there(host, as_json=as_json)
