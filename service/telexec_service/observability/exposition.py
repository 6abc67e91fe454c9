"""The numbers in the formats of Prometheus. Imported when somebody first asks for them.

Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import TypeVar

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from telexec_service import __version__
from telexec_service.core.counters import DURATION_BOUNDS_S, Counters
from telexec_service.observability.own_process import OwnProcess
from telexec_service.observability.population import Population

Label = TypeVar("Label", bound=str)


def render_metrics(
    counters: Counters, population: Population, accept: str, process: OwnProcess | None
) -> tuple[str, bytes]:
    """Return the content type that suits an `Accept` header, and the numbers in it.

    Args:
        counters: What is counted all the time.
        population: What there is now.
        accept: The header.
        process: What all processes of the service take of the host; None: look at this one.
    """
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry()
    registry.register(_Service(counters, population))
    if process is None:
        # The system's own: memory, CPU time, descriptors, start.
        ProcessCollector(registry=registry)
    else:
        registry.register(_Processes(process))
    return content_type, encode(registry)


class _Processes(Collector):
    """What several processes take together, by the names that one has."""

    def __init__(self, process: OwnProcess) -> None:
        self._process = process

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        now = self._process
        yield _gauge(
            "process_virtual_memory_bytes", "Virtual memory size in bytes.", now.virtual_bytes
        )
        yield _gauge(
            "process_resident_memory_bytes", "Resident memory size in bytes.", now.resident_bytes
        )
        yield _gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            now.start_s,
        )
        yield CounterMetricFamily(
            "process_cpu_seconds", "Total user and system CPU time spent in seconds.", now.cpu_s
        )
        yield _gauge("process_open_fds", "Number of open file descriptors.", now.open_fds)
        yield _gauge("process_max_fds", "Maximum number of open file descriptors.", now.max_fds)


class _Service(Collector):
    """The service's numbers."""

    def __init__(self, counters: Counters, population: Population) -> None:
        self._counters = counters
        self._population = population

    def describe(self) -> Iterator[Metric]:
        # What is described is not collected at the registration only to learn the names.
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "telexec_build",
            "Which version runs: compare it over hosts, and with the time of a change.",
            {"version": __version__},
        )
        yield from self._connections()
        yield from self._sessions()
        yield from self._processes()
        yield from self._requests()
        yield from self._streams()
        yield from self._trouble()

    def _connections(self) -> Iterator[Metric]:
        counters = self._counters
        yield _gauge(
            "telexec_connections_open",
            "Connections that are open now, of whatever kind; near max_connections, raise it.",
            self._population.connections,
        )
        yield _counters(
            "telexec_connections",
            "Who connected, by what became of it: opened is a client, page a health or metrics"
            " page; the others were refused.",
            "result",
            counters.visits,
        )
        yield _counters(
            "telexec_auth_failures",
            "Refused tokens, by what was wrong; a rise of wrong_token is a forgotten client after a"
            " rotation, or somebody who guesses.",
            "reason",
            counters.auth_failures,
        )

    def _sessions(self) -> Iterator[Metric]:
        counters, population = self._counters, self._population
        yield _gauge(
            "telexec_sessions_attached",
            "Sessions with a connection.",
            population.sessions_attached,
        )
        yield _gauge(
            "telexec_sessions_detached",
            "Sessions that wait for their client to come back; many are a network in trouble.",
            population.sessions_detached,
        )
        yield _counter("telexec_sessions_started", "New sessions.", counters.sessions_started)
        yield _counter(
            "telexec_sessions_resumed",
            "Sessions whose client came back after a lost connection.",
            counters.sessions_resumed,
        )
        yield _counters(
            "telexec_sessions_ended",
            "Sessions that ended, by why; expired ones lost what still ran in them.",
            "reason",
            counters.sessions_ended,
        )

    def _processes(self) -> Iterator[Metric]:
        counters = self._counters
        yield _gauge(
            "telexec_processes_running",
            "Processes that run now: the load of this host.",
            counters.processes_running,
        )
        yield _gauge(
            "telexec_processes_finished",
            "Processes that ended and are still remembered for readers.",
            counters.processes_known - counters.processes_running,
        )
        yield _counters(
            "telexec_process_starts",
            "Starts that were asked for, by ok or the reason of the error.",
            "result",
            counters.starts,
        )
        yield _counters(
            "telexec_process_ends",
            "Processes that ended, by why; exited says nothing of the exit code.",
            "reason",
            counters.process_ends,
        )
        yield _counters(
            "telexec_process_kills",
            "Times that the service sent KILL, by why; what ends by itself or by TERM is not here.",
            "reason",
            counters.kills,
        )

    def _requests(self) -> Iterator[Metric]:
        methods = self._counters.methods
        outcomes = CounterMetricFamily(
            "telexec_requests",
            "Requests, by method and outcome; cancelled ones lost their connection.",
            labels=("method", "outcome"),
        )
        durations = HistogramMetricFamily(
            "telexec_request_duration_seconds",
            "From a request to its answer. A process/read may wait for output as long as its client"
            " likes; process/start should stay below 10 ms.",
            labels=("method",),
        )
        bounds = [*(str(float(bound)) for bound in DURATION_BOUNDS_S), "+Inf"]
        for name, method in methods.items():
            for outcome, count in method.outcomes.items():
                outcomes.add_metric((name, outcome), count)
            sums = accumulate(method.durations.counts)
            buckets = list(zip(bounds, map(float, sums), strict=True))
            durations.add_metric((name,), buckets, method.durations.total_s)
        yield outcomes
        yield _counters(
            "telexec_request_errors",
            "Errors that requests were answered with, by reason; look at internal at once.",
            "reason",
            self._counters.errors,
        )
        yield durations

    def _streams(self) -> Iterator[Metric]:
        counters = self._counters
        yield _counters(
            "telexec_output_bytes",
            "Output that was read of processes.",
            "stream",
            counters.output_bytes,
        )
        yield _counter(
            "telexec_stdin_bytes", "Input that clients wrote to processes.", counters.stdin_bytes
        )
        yield _gauge(
            "telexec_retained_bytes",
            "Output that is kept in memory for readers; at most retained_bytes per process, and a"
            " little more.",
            counters.retained_bytes,
        )
        yield _gauge(
            "telexec_spilled_bytes",
            "How large the files are that take what memory does not hold.",
            counters.spilled_bytes,
        )
        yield _counter(
            "telexec_spill_failures",
            "Times that such a file could not be written or read: look at its disk.",
            counters.spill_failures,
        )
        yield _counter(
            "telexec_output_gaps",
            "Readers that asked for output which was no longer there: raise retained_bytes, or read"
            " sooner.",
            counters.gaps,
        )
        yield _counter(
            "telexec_output_gap_bytes", "How much output those readers missed.", counters.gap_bytes
        )

    def _trouble(self) -> Iterator[Metric]:
        counters = self._counters
        yield _counters(
            "telexec_limits_reached",
            "Times that a limit was reached, by its name in the configuration; open_files is the"
            " system's (RLIMIT_NOFILE).",
            "limit",
            counters.limits,
        )
        yield _counter(
            "telexec_log_lines_dropped",
            "Log lines that nobody took in time: what reads stderr is stuck, or its disk full.",
            self._population.log_lines_dropped,
        )
        yield _counter(
            "telexec_audit_records_lost",
            "Audit records that could not be written: look at the disk of the audit log.",
            counters.audit_records_lost,
        )
        yield _counter(
            "telexec_worker_restarts",
            "Workers that ended by themselves, and what ran in them with them: look for"
            " worker.failed in the log.",
            self._population.worker_restarts,
        )
        yield _gauge(
            "telexec_loop_lag_seconds",
            "By how much the service's loop was late in the last second; above 0.1, requests wait"
            " for a CPU that is busy with something else.",
            self._population.loop_lag_s,
        )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(name, text, value)


def _counters(name: str, text: str, label: str, values: Mapping[Label, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family
