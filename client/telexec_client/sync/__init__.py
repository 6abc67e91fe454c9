r"""The client for programs without an event loop: the same names, and calls that wait.

>>> from telexec_client.sync import connect
>>> with connect() as client:
...     client.run(["echo", "hello"], text=True).stdout
'hello\n'

It works in a script, in any thread, and where an event loop is running: each client has a thread of
its own, in which its connection lives until the client is closed. Several threads may use one
client at once. ^C, or whatever else a signal handler raises, cancels the call that waits: a process
that `run` waits for is ended, and then the exception comes; a second ^C does not wait for that.

A client does not survive a fork: in the child process its calls raise a `ClientForkedError`, and
leaving its `with` does nothing. Connect anew there, or let `multiprocessing` spawn.
"""

from telexec_client.sync.client import Client, connect, connect_command
from telexec_client.sync.files import Files, OpenFile
from telexec_client.sync.output import OutputStream
from telexec_client.sync.process import FollowedProcess, Process

__all__ = [
    "Client",
    "Files",
    "FollowedProcess",
    "OpenFile",
    "OutputStream",
    "Process",
    "connect",
    "connect_command",
]
