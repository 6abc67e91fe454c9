"""What `telexec hosts` does: show the hosts that have names, and ask whether they answer."""

import asyncio
import os
import time

from telexec_client import TelexecError, connect
from telexec_client.cli.hosts import Hosts
from telexec_client.cli.hosts_report import HostCheck, hosts_json, hosts_text
from telexec_client.cli.own_output import print_text, terminal_width
from telexec_client.cli.request import Target

CHECK_TIMEOUT_S = 5.0
"""How long one host may take to open a session."""

CHECKS_AT_ONCE = 8

_ONE_DOES_NOT_ANSWER = 1


def show_hosts(hosts: Hosts, *, checks: bool, as_json: bool) -> int:
    """Print the hosts; return 1 if one was asked and does not answer, else 0."""
    home = os.path.expanduser("~")
    return asyncio.run(_show(hosts, home, checks=checks, as_json=as_json))


async def _show(hosts: Hosts, home: str, *, checks: bool, as_json: bool) -> int:
    found = await _check_all(hosts) if checks else None
    if as_json:
        text = hosts_json(hosts, found)
    else:
        text = hosts_text(hosts, found, home=home, width=terminal_width())
    all_answer = found is None or all(check.error is None for check in found.values())
    return await print_text(text, 0 if all_answer else _ONE_DOES_NOT_ANSWER)


async def _check_all(hosts: Hosts) -> dict[str, HostCheck]:
    slots = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(target: Target) -> HostCheck:
        async with slots:
            return await _check(target)

    async with asyncio.TaskGroup() as tasks:
        checking = {
            name: tasks.create_task(check(target), name=f"check of {name}")
            for name, target in hosts.targets.items()
        }
    return {name: task.result() for name, task in checking.items()}


async def _check(target: Target) -> HostCheck:
    begun_s = time.monotonic()
    try:
        async with connect(
            target.url,
            token_file=target.token_file,
            ca_file=target.ca_file,
            open_timeout_s=CHECK_TIMEOUT_S,
            reconnect=False,
        ) as client:
            connect_s = time.monotonic() - begun_s
            extensions = client.extensions
            version = client.host.executor_version
            server = f"version {version}" if extensions is None else f"telexec {extensions.server}"
            return HostCheck(server=server, connect_s=connect_s)
    except TelexecError as error:
        return HostCheck(error=error)
