"""What `telexec doctor` finds out about a host once it opens a session."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.metadata import version

from telexec_client import Client, TelexecError, connect
from telexec_client.cli.doctor_clock import clock_finding
from telexec_client.cli.doctor_report import Finding
from telexec_client.cli.request import DEFAULT_KEEP_S, Target
from telexec_client.cli.session_book import duration
from telexec_client.errors import (
    AuthenticationError,
    RemoteError,
    StartError,
    UnsupportedError,
)
from telexec_schemas.errors import ErrorReason
from telexec_schemas.lifecycle import EXTENSION_VERSION, ExtensionGrant

HOST_TIMEOUT_S = 15.0
"""How long all of it may take."""

FULL_SHARE = 0.8
"""From which part of a limit on it is warned of."""

SHORT_LEASE_S = 300.0
"""A session that is kept for less is of no use to leave work in."""

_TRUE = ("true",)


async def findings_of_host(target: Target, numbers: Mapping[str, float]) -> list[Finding]:
    """Open a session on a host, run `true` there, and return what there is to say.

    Args:
        target: The host.
        numbers: What its `/metrics` says, by name.
    """
    findings: list[Finding] = []
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(HOST_TIMEOUT_S):
            async with connect(
                target.url, token_file=target.token_file, ca_file=target.ca_file, reconnect=False
            ) as client:
                took_ms = (time.monotonic() - begun_s) * 1000
                findings.append(Finding("session", "ok", f"opened in {took_ms:.1f} ms"))
                findings.extend([it async for it in _findings(client, target, numbers)])
    except AuthenticationError as error:
        advice = "name the file with its token: --token-file, or token_file in hosts.toml"
        findings.append(Finding("token", "fail", str(error), advice))
    except (TelexecError, TimeoutError) as error:
        why = str(error) or f"the host was asked for more than {HOST_TIMEOUT_S:g} s"
        advice = "see the log of the service, and telexec bench for how busy it is"
        findings.append(Finding("session", "fail", why, advice))
    return findings


async def _findings(
    client: Client, target: Target, numbers: Mapping[str, float]
) -> AsyncIterator[Finding]:
    grant = client.extensions
    yield _version(client, grant)
    async for finding in _program(client):
        yield finding
    if grant is None:
        return
    yield await _capabilities(client)
    yield await _lease(client, target)
    yield _limits(grant)
    for finding in _use(grant, numbers):
        yield finding
    yield await _environment(client)
    yield _frames(grant)


def _version(client: Client, grant: ExtensionGrant | None) -> Finding:
    if grant is None:
        return Finding(
            "version",
            "warn",
            f"version {client.host.executor_version} of a host without telexec's extensions",
            "telexec-service has sessions, profiles, timeouts and signals besides",
        )
    what = f"telexec-service {grant.server}, extensions version {grant.version}"
    ours = version("telexec")
    if grant.version != EXTENSION_VERSION or grant.server != ours:
        return Finding(
            "version",
            "warn",
            f"{what}; here it is {ours}, extensions version {EXTENSION_VERSION}",
            "what both know is used; install the same version on both sides to have all of it",
        )
    return Finding("version", "ok", what)


async def _program(client: Client) -> AsyncIterator[Finding]:
    """Run `true`, and tell the host's clock by it."""
    begun_s, begun_at_s = time.monotonic(), time.time()
    try:
        process = await client.start(_TRUE)
        started_at_s = time.time()
        await process.wait()
    except TelexecError as error:
        yield Finding(
            "program", "fail", str(error), "see that the host has `true` in its PATH: env explain"
        )
        return
    took_ms = (time.monotonic() - begun_s) * 1000
    yield Finding("program", "ok", f"`true` took {took_ms:.1f} ms from here to its end")
    if client.extensions is None or not client.extensions.attach:
        return
    listed = (await client.processes()).processes
    there_s = next(it.started_at_ms for it in listed if it.process_id == process.process_id) / 1000
    yield clock_finding(there_s, not_before_s=begun_at_s, not_after_s=started_at_s)


async def _capabilities(client: Client) -> Finding:
    try:
        sessions = (await client.sessions()).sessions
    except UnsupportedError:
        return Finding("token", "ok", "may run programs; the host has no sessions with names")
    except RemoteError as error:
        if error.reason != ErrorReason.CAPABILITY_MISSING:
            raise
        return Finding(
            "token",
            "warn",
            "may run programs, but not look at sessions (admin)",
            "telexec ps and logs need that; ask the host's operator",
        )
    return Finding(
        "token",
        "ok",
        f"may run programs, and see sessions (admin): {len(sessions) - 1} besides ours",
    )


async def _lease(client: Client, target: Target) -> Finding:
    async with connect(
        target.url,
        token_file=target.token_file,
        ca_file=target.ca_file,
        reconnect=False,
        on_disconnect=DEFAULT_KEEP_S,
    ) as keeper:
        longest_s = keeper.lease_s
    what = (
        f"a session is kept for {duration(client.lease_s)} without a client, on request up to "
        f"{'at least ' if longest_s >= DEFAULT_KEEP_S else ''}{duration(longest_s)}"
    )
    if longest_s < SHORT_LEASE_S:
        advice = "for telexec run -d, have max_lease_s in [sessions] of its configuration raised"
        return Finding("lease", "warn", what, advice)
    return Finding("lease", "ok", what)


def _limits(grant: ExtensionGrant) -> Finding:
    limits = grant.limits
    return Finding(
        "limits",
        "ok",
        f"{limits.max_processes} processes in a session, {limits.max_host_processes} on the host;"
        f" {_mib(limits.retained_bytes)} of output kept of each; frames up to"
        f" {_mib(limits.max_frame_bytes)}, files up to {_mib(limits.max_file_bytes)}",
    )


def _use(grant: ExtensionGrant, numbers: Mapping[str, float]) -> Iterator[Finding]:
    """Yield how much of its limits a host has used up, as far as it says."""
    running = numbers.get("telexec_processes_running")
    if running is not None and grant.limits.max_host_processes:
        yield _share(
            "processes",
            running,
            grant.limits.max_host_processes,
            f"{running:.0f} run",
            "wait, or have max_host_processes of its configuration raised",
        )
    used, most = numbers.get("process_open_fds"), numbers.get("process_max_fds")
    if used is not None and most:
        yield _share(
            "descriptors",
            used,
            most,
            f"{used:.0f} of {most:.0f} are open",
            "have the limit of open files of the service raised (LimitNOFILE=)",
        )
    retained, resident = (
        numbers.get(it) for it in ("telexec_retained_bytes", "process_resident_memory_bytes")
    )
    if retained is not None and resident is not None:
        what = f"{_mib(resident)} in all, of which output that is kept: {_mib(retained)}"
        yield Finding("memory", "ok", what)


def _share(check: str, used: float, most: float, what: str, advice: str) -> Finding:
    if used < most * FULL_SHARE:
        return Finding(check, "ok", what)
    return Finding(check, "warn", f"{what}, and the limit is {most:.0f}", advice)


async def _environment(client: Client) -> Finding:
    try:
        explanation = await client.explain_env()
    except UnsupportedError:
        return Finding("environment", "ok", "the host does not explain it")
    except (RemoteError, StartError) as error:
        advice = "name one of the host's profiles with --profile"
        return Finding("environment", "warn", str(error), advice)
    hidden = sum(it.rule.startswith("hidden") for it in explanation.dropped)
    others = len(explanation.dropped) - hidden
    return Finding(
        "environment",
        "ok",
        f"profile {explanation.profile}: {len(explanation.variables)} variables, {hidden} hidden "
        f"by the host, {others} left out by the policy; telexec env explain lists them",
    )


def _frames(grant: ExtensionGrant) -> Finding:
    if grant.binary_frames:
        return Finding("frames", "ok", "output comes as binary frames")
    return Finding(
        "frames",
        "warn",
        "output comes as base64 in JSON, which takes both sides more time",
        "update the service",
    )


def _mib(size_bytes: float) -> str:
    return f"{round(size_bytes / 1024**2, 1):g} MiB"
