"""The variables of a program that a model reads and nobody watches."""

from telexec_client.environment.delta import EnvironmentDelta

UNIFIED_EXEC = EnvironmentDelta(
    {
        # No escape sequences: https://no-color.org, terminfo(5).
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLORTERM": "",
        # Messages in English, output in UTF-8: locale(7).
        "LANG": "C.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        # Nothing waits for a key: less(1), git(1), gh-environment(1).
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GH_PAGER": "cat",
        # A name of the form TELEXEC_* would be the service's own, which a host keeps from requests.
        "AGENT_CI": "telexec",
    }
)
"""Plain output without colours, pagers or translations, also on a PTY.

`AGENT_CI` tells a program that it runs unattended, and by what.
"""
