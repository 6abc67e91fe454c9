"""What `telexec doctor` does: look into this machine, and into a host if there is one."""

import asyncio

from telexec_client.cli.doctor_here import findings_here
from telexec_client.cli.doctor_host import findings_of_host
from telexec_client.cli.doctor_link import Link
from telexec_client.cli.doctor_report import Finding, Section, findings_json, findings_text
from telexec_client.cli.errors import CommandError
from telexec_client.cli.own_output import has_colors, print_text, terminal_width
from telexec_client.cli.request import Target

_SOMETHING_FAILED = 1


def examine(host: Target | CommandError, *, as_json: bool) -> int:
    """Print what there is to say, and return 1 if something keeps telexec from working, else 0.

    Args:
        host: The host, if it has a URL; or why it cannot be told which one is meant.
        as_json: Print one JSON object.
    """
    sections = [Section("this machine", list(findings_here()))]
    if isinstance(host, CommandError):
        advice = "telexec hosts lists the hosts that have names"
        sections.append(Section("host", [Finding("name", "fail", str(host), advice)]))
    elif host.url is not None:
        title = host.url if host.name is None else f"{host.name}, {host.url}"
        sections.append(Section(f"host {title}", _findings_of(host)))
    if as_json:
        text = findings_json(sections)
    else:
        width = terminal_width()
        text = findings_text(sections, width=width, is_colored=has_colors())
    has_failed = any(it.has_failed for it in sections)
    return asyncio.run(print_text(text, _SOMETHING_FAILED if has_failed else 0))


def _findings_of(target: Target) -> list[Finding]:
    link = Link(target)
    findings = list(link.findings())
    if link.is_open:
        findings += asyncio.run(findings_of_host(target, link.numbers))
    return findings
