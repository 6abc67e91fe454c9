"""A session on a host: the handshake, calls and their answers, events, and coming back."""

from telexec_client.connection.calls import Call
from telexec_client.connection.connection import Connection
from telexec_client.connection.listener import ProcessListener

__all__ = ["Call", "Connection", "ProcessListener"]
