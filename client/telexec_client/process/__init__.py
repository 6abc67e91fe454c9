"""Processes on a host: starting them, their input and output, their end."""

from telexec_client.process.attach import attach_process, list_processes, watch_process
from telexec_client.process.explain import explain_environment
from telexec_client.process.followed import DEFAULT_MAX_OUTPUT_BYTES, FollowedProcess
from telexec_client.process.process import Process
from telexec_client.process.queue import OutputPiece
from telexec_client.process.reading import OutputStream
from telexec_client.process.request import OnCancel, StartWish
from telexec_client.process.run import RunOptions, run_to_end
from telexec_client.process.start import start_process
from telexec_client.process.text import completed_text, input_bytes, wanted_form

__all__ = [
    "DEFAULT_MAX_OUTPUT_BYTES",
    "FollowedProcess",
    "OnCancel",
    "OutputPiece",
    "OutputStream",
    "Process",
    "RunOptions",
    "StartWish",
    "attach_process",
    "completed_text",
    "explain_environment",
    "input_bytes",
    "list_processes",
    "run_to_end",
    "start_process",
    "wanted_form",
    "watch_process",
]
