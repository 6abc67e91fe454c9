"""What all processes of the service share: how they are started, known, waited for and ended."""

import msgspec

from telexec_service.processes.cgroups import Cgroups
from telexec_service.processes.family_record import FamilyRecord
from telexec_service.processes.guardian import Guardian
from telexec_service.processes.marks import Marks
from telexec_service.processes.readiness import Readiness
from telexec_service.processes.reaper import Reaper
from telexec_service.processes.spawner import Spawner
from telexec_service.processes.tree_ender import TreeEnder
from telexec_service.processes.usage_meter import UsageMeter


class Offspring(msgspec.Struct, frozen=True):
    """The parts that a process needs of its host."""

    marks: Marks
    spawner: Spawner
    reaper: Reaper
    ender: TreeEnder
    guardian: Guardian
    meter: UsageMeter
    readiness: Readiness
    cgroups: Cgroups | None = None
    record: FamilyRecord | None = None

    async def close(self, *, is_gone: bool) -> None:
        """Start, wait for and end nothing any more. Idempotent.

        Args:
            is_gone: Whether all that was ever started is known to have ended.
        """
        self.ender.close()
        if self.cgroups is not None:
            await self.cgroups.close()
        await self.guardian.close(is_needed=not is_gone)
        if self.record is not None:
            self.record.close()
        self.reaper.close()
        self.spawner.close()
        self.readiness.close()
