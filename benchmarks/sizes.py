"""How much is measured."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Size:
    """Amounts, each for one round of one subject."""

    rounds: int
    heavy_rounds: int
    """Of workloads that start servers and fill them."""
    execs: int
    concurrent_execs: int
    stream_bytes: int
    whole_bytes: int
    """Instead of `stream_bytes`, from who hands output over as a whole."""
    lines: int
    echoes: int
    echoes_in_storm: int
    fan_out: tuple[int, ...]
    """Processes at the same time."""
    ticks: int
    """Lines of each of them, one every 10 ms."""
    idle_connections: int
    sleepers: int
    idle_s: float
    commands: int
    sessions: int
    finished_processes: int
    ballast_mib: int


FULL = Size(
    rounds=5,
    heavy_rounds=3,
    execs=300,
    concurrent_execs=1000,
    stream_bytes=1024 * MIB,
    whole_bytes=32 * MIB,
    lines=1_000_000,
    echoes=1000,
    echoes_in_storm=100,
    fan_out=(50, 200),
    ticks=300,
    idle_connections=1000,
    sleepers=200,
    idle_s=3.0,
    commands=10,
    sessions=1000,
    finished_processes=10_000,
    ballast_mib=1024,
)

QUICK = Size(
    rounds=3,
    heavy_rounds=1,
    execs=50,
    concurrent_execs=96,
    stream_bytes=128 * MIB,
    whole_bytes=8 * MIB,
    lines=1_000_000,
    echoes=200,
    echoes_in_storm=20,
    fan_out=(50, 200),
    ticks=100,
    idle_connections=500,
    sleepers=100,
    idle_s=1.0,
    commands=4,
    sessions=200,
    finished_processes=2000,
    ballast_mib=512,
)
