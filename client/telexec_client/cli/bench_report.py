"""What `telexec bench` prints: pure."""

import json
from collections.abc import Mapping, Sequence

import msgspec

from telexec_client.cli.percentile import percentile
from telexec_client.cli.table import table


class BenchResult(msgspec.Struct, frozen=True):
    """What was measured of a host. No sequence is empty."""

    connect_s: float
    exec_s: Sequence[float]
    """Of each command that ran alone."""
    execs_per_s: Mapping[int, float]
    """By how many ran at the same time."""
    output_bytes: int
    output_s: float
    echo_s: Sequence[float]

    @property
    def output_mb_per_s(self) -> float:
        """In megabytes (10**6 bytes)."""
        return self.output_bytes / self.output_s / 1e6


def bench_text(result: BenchResult, *, width: int) -> str:
    """Return the result as a table for `width` columns."""
    rows = [
        ("WORK", "RESULT"),
        ("connecting", f"{result.connect_s * 1000:.1f} ms"),
        ("true, one after the other", _percentiles(result.exec_s)),
        *(
            (f"true, {at_once} at once", f"{rate:.0f} /s")
            for at_once, rate in result.execs_per_s.items()
        ),
        ("output of one process", f"{result.output_mb_per_s:.0f} MB/s"),
        ("a line through cat and back", _percentiles(result.echo_s)),
    ]
    return "".join(f"{line}\n" for line in table(rows, width=width))


def bench_json(result: BenchResult) -> str:
    """Return the result as one line of JSON."""
    content = {
        "connectMs": _ms(result.connect_s),
        "exec": _percentiles_ms(result.exec_s),
        "execsPerS": {str(count): round(rate, 1) for count, rate in result.execs_per_s.items()},
        "outputBytes": result.output_bytes,
        "outputMbPerS": round(result.output_mb_per_s, 1),
        "echo": _percentiles_ms(result.echo_s),
    }
    return json.dumps(content) + "\n"


def _percentiles(samples_s: Sequence[float]) -> str:
    p50_ms, p99_ms = (percentile(samples_s, percent) * 1000 for percent in (50, 99))
    return f"p50 {p50_ms:.2f} ms, p99 {p99_ms:.2f} ms ({len(samples_s)} times)"


def _percentiles_ms(samples_s: Sequence[float]) -> dict[str, float]:
    return {
        "count": len(samples_s),
        "p50Ms": _ms(percentile(samples_s, 50)),
        "p99Ms": _ms(percentile(samples_s, 99)),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
