"""Processes on a host: starting them, their input and output, their end."""

from telexec_client.process.explain import explain_environment
from telexec_client.process.process import DEFAULT_MAX_OUTPUT_BYTES, Process
from telexec_client.process.queue import OutputPiece
from telexec_client.process.reading import OutputStream
from telexec_client.process.request import StartWish
from telexec_client.process.run import run_to_end
from telexec_client.process.start import start_process

__all__ = [
    "DEFAULT_MAX_OUTPUT_BYTES",
    "OutputPiece",
    "OutputStream",
    "Process",
    "StartWish",
    "explain_environment",
    "run_to_end",
    "start_process",
]
