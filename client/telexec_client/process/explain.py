"""Asking a host which environment a process would get."""

from telexec_client.connection import Connection
from telexec_client.core.failure import start_error
from telexec_client.environment.wish import EnvironmentWish, environment_parameters
from telexec_client.errors import EnvironmentRefusedError, RemoteError, UnsupportedError
from telexec_schemas.environment import EnvironmentExplanation, ExplainEnvironment
from telexec_schemas.methods import EXPLAIN


async def explain_environment(
    connection: Connection, wish: EnvironmentWish, *, is_embedded: bool, values: bool
) -> EnvironmentExplanation:
    """Have a host explain an environment; see `Client.explain_env`."""
    grant = connection.extensions
    if grant is None or not grant.env_profiles:
        raise UnsupportedError("explain an environment")
    parameters = environment_parameters(wish, grant, is_embedded=is_embedded)
    request = ExplainEnvironment(
        env=parameters.env,
        env_policy=parameters.env_policy,
        env_profile=parameters.env_profile,
        env_unset=parameters.env_unset,
        values=values,
    )
    try:
        return await connection.call(EXPLAIN, request)
    except RemoteError as error:
        raise start_error(error, None) from error
    except UnicodeEncodeError as error:
        raise EnvironmentRefusedError(None, "it holds what is not Unicode text") from error
