"""On whose behalf a process runs."""

from telexec_client.environment.delta import EnvironmentDelta


def thread_ids(
    *,
    thread_id: str | None = None,
    session_id: str | None = None,
    tool_call_id: str | None = None,
    prefix: str = "AGENT",
) -> EnvironmentDelta:
    """Return the variables that tell a process whose it is: `AGENT_THREAD_ID` and so on.

    >>> thread_ids(thread_id="t1", prefix="CI").variables
    mappingproxy({'CI_THREAD_ID': 't1'})

    Args:
        thread_id: The conversation or job.
        session_id: What the conversation belongs to.
        tool_call_id: The single step.
        prefix: How the names begin; hosts take none that begin with `TELEXEC_`.
    """
    ids = {"THREAD_ID": thread_id, "SESSION_ID": session_id, "TOOL_CALL_ID": tool_call_id}
    return EnvironmentDelta(
        {f"{prefix}_{name}": id_ for name, id_ in ids.items() if id_ is not None}
    )
