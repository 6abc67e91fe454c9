"""Errors of starting a process: it never ran."""

from collections.abc import Sequence

from telexec_client.errors.base import TelexecError
from telexec_schemas.environment import RuledVariable


class StartError(TelexecError):
    """The process cannot be started.

    Attributes:
        program: What was to be started, as the caller named it; `None` if nothing was: it was only
            asked which environment a start would get.
    """

    def __init__(self, program: str | None, why: str) -> None:
        what = "explain the environment" if program is None else f"start {program!r}"
        super().__init__(f"cannot {what}: {why}")
        self.program = program


class ProgramNotFoundError(StartError):
    """The host has no such program; a shell would exit with 127."""


class ProgramNotExecutableError(StartError):
    """What is there is not a program that may be run; a shell would exit with 126."""


class WorkingDirectoryError(StartError):
    """The working directory is not there, is not a directory, or may not be entered."""


class EnvironmentRefusedError(StartError):
    """The environment holds variables that no process can have, or that the host does not take.

    Attributes:
        refused: All of them, each with the rule; empty if a host without extensions refused.
        accepted: What the host takes, in words; `None` if it does not say.
    """

    def __init__(
        self,
        program: str | None,
        why: str,
        *,
        refused: Sequence[RuledVariable] = (),
        accepted: str | None = None,
    ) -> None:
        super().__init__(program, why)
        self.refused = tuple(refused)
        self.accepted = accepted


class ProfileUnknownError(StartError):
    """The host has no environment profile of that name.

    Attributes:
        profiles: The ones that it has.
    """

    def __init__(self, program: str | None, why: str, *, profiles: Sequence[str] = ()) -> None:
        super().__init__(program, why)
        self.profiles = tuple(profiles)


class PolicyRefusedError(StartError):
    """The host takes no policy, or no exact environment, from a request.

    Attributes:
        profiles: The profiles to name instead.
    """

    def __init__(self, program: str | None, why: str, *, profiles: Sequence[str] = ()) -> None:
        super().__init__(program, why)
        self.profiles = tuple(profiles)


class EnvironmentChoiceError(TelexecError, ValueError):
    """Both a profile of the host's and a policy were named; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("cannot use both env_profile and env_policy: say one of them")


class SandboxUnavailableError(StartError):
    """The host cannot confine the process as asked."""
