"""The `environment/*` and `env/*` methods."""

from msgspec import UNSET

from telexec_schemas import methods
from telexec_schemas.environment import EnvironmentExplanation, ExplainEnvironment
from telexec_schemas.lifecycle import EnvironmentInfo
from telexec_schemas.message import Nothing
from telexec_service.core.environment import EnvironmentRequest, HostEnvironment
from telexec_service.rpc.route import Route, Routes, collect
from telexec_service.sessions.session import Session


class EnvironmentRoutes:
    """Serves what the host says of itself, and of the environments it would make."""

    def __init__(self, information: EnvironmentInfo, environment: HostEnvironment) -> None:
        self._information = information
        self._environment = environment

    def routes(self) -> Routes:
        """Return the routes."""
        return collect(
            Route(methods.ENVIRONMENT_INFO, self._info),
            Route(methods.EXPLAIN, self._explain),
        )

    def _info(self, _session: Session, _params: Nothing) -> EnvironmentInfo:
        return self._information

    def _explain(self, _session: Session, params: ExplainEnvironment) -> EnvironmentExplanation:
        request = EnvironmentRequest(
            overlay=params.env,
            unset=() if params.env_unset is UNSET else params.env_unset,
            policy=params.env_policy,
            profile=None if params.env_profile is UNSET else params.env_profile,
        )
        return self._environment.explain(request, values=params.values)
