"""All numbers of one worker, or of all of them together, at one moment."""

import msgspec

from telexec_service.core import totals
from telexec_service.observability import own_process
from telexec_service.observability.own_process import OwnProcess
from telexec_service.observability.population import Population


class Numbers(msgspec.Struct, frozen=True):
    """What a worker counts, what there is of what, and what it takes of the host."""

    counters: totals.Plain
    population: Population
    process: OwnProcess

    def plus(self, other: "Numbers") -> "Numbers":
        """Return the numbers of both together."""
        one, two = self.population, other.population
        return Numbers(
            totals.added(self.counters, other.counters),
            Population(
                is_ready=one.is_ready and two.is_ready,
                uptime_s=max(one.uptime_s, two.uptime_s),
                connections=one.connections + two.connections,
                sessions_attached=one.sessions_attached + two.sessions_attached,
                sessions_detached=one.sessions_detached + two.sessions_detached,
                processes_running=one.processes_running + two.processes_running,
                log_lines_dropped=one.log_lines_dropped + two.log_lines_dropped,
                loop_lag_s=max(one.loop_lag_s, two.loop_lag_s),
                worker_restarts=one.worker_restarts + two.worker_restarts,
            ),
            own_process.added(self.process, other.process),
        )

    def past(self) -> "Numbers":
        """Return what is left of the numbers of a worker when it is gone.

        A number that only grows must not fall when a worker ends.
        """
        return Numbers(
            totals.past(self.counters),
            Population(
                is_ready=True,
                uptime_s=0.0,
                connections=0,
                sessions_attached=0,
                sessions_detached=0,
                processes_running=0,
                log_lines_dropped=self.population.log_lines_dropped,
                loop_lag_s=0.0,
                worker_restarts=self.population.worker_restarts,
            ),
            msgspec.structs.replace(self.process, resident_bytes=0, virtual_bytes=0, open_fds=0),
        )
