"""How many there are of what at one moment."""

import msgspec


class Population(msgspec.Struct, frozen=True):
    """What is counted when somebody asks, and not before."""

    is_ready: bool
    uptime_s: float
    connections: int
    sessions_attached: int
    sessions_detached: int
    processes_running: int
    log_lines_dropped: int
    loop_lag_s: float
    worker_restarts: int = 0
