"""The `environment/*` methods."""

from telexec_schemas import methods
from telexec_schemas.lifecycle import EnvironmentInfo
from telexec_schemas.message import Nothing
from telexec_service.rpc.route import Route, Routes, collect
from telexec_service.sessions.session import Session


def environment_routes(information: EnvironmentInfo) -> Routes:
    """Return the routes of a host that says this of itself."""

    def info(_session: Session, _params: Nothing) -> EnvironmentInfo:
        return information

    return collect(Route(methods.ENVIRONMENT_INFO, info))
