"""What the service tells systemd of its state, and what systemd wants to hear (sd_notify(3))."""

from collections.abc import Collection, Mapping

_US_PER_S = 1_000_000


def socket_address(told: Mapping[str, str]) -> str | None:
    """Return the Unix socket that systemd listens on; None: it is not there, or of another kind.

    Args:
        told: The environment that the service was started with.
    """
    address = told.get("NOTIFY_SOCKET", "")
    if address.startswith("@"):
        return "\0" + address[1:]
    return address if address.startswith("/") else None


def ready(url: str | None) -> str:
    """Say that clients can connect, the first time or again after a reload.

    Args:
        url: Where; None: there is no address (stdio).
    """
    where = "one client on standard input and output" if url is None else " ".join(url.split())
    return f"READY=1\nSTATUS=serving {where}"


def reloading(now_us: int) -> str:
    """Say that a reload begins, which `ready` ends.

    Args:
        now_us: CLOCK_MONOTONIC in microseconds.
    """
    return f"RELOADING=1\nMONOTONIC_USEC={now_us}\nSTATUS=reloading"


def stopping(drain_s: float, longest_s: float) -> str:
    """Say that the end has begun.

    Args:
        drain_s: How long processes have to end by themselves.
        longest_s: How long the end takes at most: systemd is to wait for so long, even if the unit
            says less.
    """
    return (
        f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int(longest_s * _US_PER_S)}"
        f"\nSTATUS=draining: processes have {drain_s:g} s to end"
    )


def alive() -> str:
    """Say that the event loop turns."""
    return "WATCHDOG=1"


def watchdog_interval_s(told: Mapping[str, str], own_pids: Collection[int]) -> float | None:
    """Return how often `alive` is to be said: at half of systemd's time; None: never.

    Args:
        told: The environment that the service was started with (sd_watchdog_enabled(3)).
        own_pids: The processes that the service is; the watchdog of another is not its own.
    """
    time, pid = told.get("WATCHDOG_USEC", ""), told.get("WATCHDOG_PID")
    if not (time.isascii() and time.isdigit()) or int(time) == 0:
        return None
    if pid is not None and pid not in map(str, own_pids):
        return None
    return int(time) / _US_PER_S / 2
