"""What a client asks for when it wants a process or a file operation confined."""

from typing import Any

Sandbox = dict[str, Any]
"""A sandbox intent, as the dialect has it.

It stays undecoded: a host without a sandbox refuses every one of them, so that nothing that should
be confined ever runs unconfined.
"""
