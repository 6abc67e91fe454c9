"""The errors whose text is all that whoever started the service needs."""

import contextlib
from collections.abc import Generator, Iterator
from typing import cast

from telexec_service.config import ConfigError
from telexec_service.observability.audit import AuditError
from telexec_service.processes.canary import CanaryError
from telexec_service.processes.cgroup_parent import CgroupError
from telexec_service.processes.spill_file import SpillError
from telexec_service.transport.address import ListenError
from telexec_service.transport.certificate import CertificateFileError
from telexec_service.transport.token_file import TokenFileError


class WorkerFailedError(Exception):
    """The service cannot start, since one of its workers could not; the text says why."""


PLAIN_ERRORS = (
    AuditError,
    CanaryError,
    CertificateFileError,
    CgroupError,
    ConfigError,
    ListenError,
    SpillError,
    TokenFileError,
    WorkerFailedError,
)


@contextlib.contextmanager
def unwrapped() -> Generator[None]:
    """Raise such an error itself where a task group has wrapped it."""
    try:
        yield
    except BaseExceptionGroup as group:
        for error in _leaves(group):
            if isinstance(error, PLAIN_ERRORS):
                raise error from None
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            yield error
