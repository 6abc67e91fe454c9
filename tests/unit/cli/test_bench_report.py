"""What `telexec bench` prints."""

import json

import pytest

from telexec_client.cli.bench_report import BenchResult, bench_json, bench_text

RESULT = BenchResult(
    connect_s=0.0125,
    exec_s=[0.001 * number for number in range(1, 102)],
    execs_per_s={1: 950.4, 8: 1700.0, 32: 12345.6},
    output_bytes=1024**3,
    output_s=2.0,
    echo_s=[0.0001],
)


def test_every_measurement_is_a_line_with_its_unit() -> None:
    assert bench_text(RESULT, width=80) == (
        "WORK                         RESULT\n"
        "connecting                   12.5 ms\n"
        "true, one after the other    p50 51.00 ms, p99 100.00 ms (101 times)\n"
        "true, 1 at once              950 /s\n"
        "true, 8 at once              1700 /s\n"
        "true, 32 at once             12346 /s\n"
        "output of one process        537 MB/s\n"
        "a line through cat and back  p50 0.10 ms, p99 0.10 ms (1 times)\n"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, bench_text(RESULT, width=width).splitlines())) <= width


def test_json_has_the_numbers_and_their_units() -> None:
    assert json.loads(bench_json(RESULT)) == {
        "connectMs": 12.5,
        "exec": {"count": 101, "p50Ms": 51.0, "p99Ms": 100.0},
        "execsPerS": {"1": 950.4, "8": 1700.0, "32": 12345.6},
        "outputBytes": 1024**3,
        "outputMbPerS": 536.9,
        "echo": {"count": 1, "p50Ms": 0.1, "p99Ms": 0.1},
    }
