"""Whether two clocks agree: pure."""

from telexec_client.cli.doctor_report import Finding
from telexec_client.cli.session_book import duration

TOLERANCE_S = 2.0
"""How much clocks may differ besides what cannot be told."""


def clock_finding(there_s: float, *, not_before_s: float, not_after_s: float) -> Finding:
    """Return what to say of a host's clock.

    Args:
        there_s: What it showed at some moment, in seconds since 1970, UTC.
        not_before_s: What ours showed before that moment.
        not_after_s: What ours showed after it.
    """
    ahead_s = there_s - min(max(there_s, not_before_s), not_after_s)
    if abs(ahead_s) <= TOLERANCE_S:
        return Finding("clock", "ok", f"differs from ours by less than {TOLERANCE_S:g} s")
    side = "ahead of" if ahead_s > 0 else "behind"
    return Finding(
        "clock",
        "warn",
        f"it is {duration(abs(ahead_s))} {side} ours: certificates and times may be misjudged",
        "have both keep time by NTP: timedatectl set-ntp true",
    )
