"""Processes on a host: starting them, their input and output, their end."""

from telexec_client.process.attach import attach_process, list_processes, watch_process
from telexec_client.process.explain import explain_environment
from telexec_client.process.followed import DEFAULT_MAX_OUTPUT_BYTES, FollowedProcess
from telexec_client.process.process import Process
from telexec_client.process.queue import OutputPiece
from telexec_client.process.reading import OutputStream
from telexec_client.process.request import StartWish
from telexec_client.process.run import run_to_end
from telexec_client.process.start import start_process

__all__ = [
    "DEFAULT_MAX_OUTPUT_BYTES",
    "FollowedProcess",
    "OutputPiece",
    "OutputStream",
    "Process",
    "StartWish",
    "attach_process",
    "explain_environment",
    "list_processes",
    "run_to_end",
    "start_process",
    "watch_process",
]
