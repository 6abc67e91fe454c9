"""What all connections of the service share."""

import asyncio

import msgspec

from telexec_schemas.lifecycle import EnvironmentInfo, ExtensionGrant
from telexec_service.config import Config
from telexec_service.core.counters import Counters
from telexec_service.rpc.route import Routes
from telexec_service.sessions.table import SessionTable


class Host(msgspec.Struct, frozen=True):
    """The parts that a connection needs. `tasks` owns every request that waits."""

    config: Config
    sessions: SessionTable
    routes: Routes
    environment_info: EnvironmentInfo
    extensions: ExtensionGrant
    tasks: asyncio.TaskGroup
    counters: Counters
