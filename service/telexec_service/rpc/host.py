"""What all connections of the service share."""

import asyncio
from dataclasses import dataclass

from telexec_schemas.lifecycle import EnvironmentInfo, ExtensionGrant
from telexec_service.config import Config
from telexec_service.core.counters import Counters
from telexec_service.rpc.route import Routes
from telexec_service.sessions.table import SessionTable


@dataclass(slots=True, frozen=True)
class Host:
    """The parts that a connection needs. `tasks` owns every request that waits."""

    config: Config
    sessions: SessionTable
    routes: Routes
    environment_info: EnvironmentInfo
    extensions: ExtensionGrant
    tasks: asyncio.TaskGroup
    counters: Counters
