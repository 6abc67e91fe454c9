"""`telexec logs`: the output of a process that the host has, and what is still to come."""

import asyncio

from telexec_client import FollowedProcess, TelexecError
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import BROKEN_PIPE
from telexec_client.cli.failures import exit_code_of
from telexec_client.cli.leaving import found_place, why_not_there
from telexec_client.cli.message import say
from telexec_client.cli.output_tail import OutputTail, Piece
from telexec_client.cli.process_name import chosen, parse_process_name
from telexec_client.cli.request import LogsRequest
from telexec_client.cli.session_client import session_client
from telexec_client.cli.shown_output import OutputUnwritableError, ShownOutput
from telexec_client.errors import OutputGapError, ProcessNotFoundError
from telexec_client.process import OutputPiece


class OutputGoneError(CommandError):
    """The session of a process ended while its output was printed."""

    def __init__(self, session: str) -> None:
        super().__init__(f"cannot print more: session {session} has ended, and its output is gone")


def print_logs(request: LogsRequest) -> int:
    """Print the output that is asked for and return the exit code."""
    return asyncio.run(_print_logs(request))


async def _print_logs(request: LogsRequest) -> int:
    try:
        name = parse_process_name(request.process)
        place = found_place(name.session, request.where)
        client = await session_client(place.target, beside=name.session)
        try:
            try:
                entry = chosen(name, (await client.processes(name.session)).processes)
                process = await client.watch(name.session, entry.process_id)
            except TelexecError as error:
                raise why_not_there(error, name.session, place.known, client) from error
            try:
                await _print(process, request, upto_bytes=entry.output_bytes)
            except ProcessNotFoundError as error:
                raise OutputGoneError(name.session) from error
        finally:
            await client.close()
    except (TelexecError, CommandError) as error:
        if isinstance(error, OutputUnwritableError) and error.is_unread:
            return BROKEN_PIPE
        say(error)
        return exit_code_of(error)
    return 0


async def _print(process: FollowedProcess, request: LogsRequest, *, upto_bytes: int) -> None:
    """Print output: up to an offset, or to the end if it is followed."""
    printer = _Printer(request, upto_bytes)
    pieces = process.output()
    while request.follow or not printer.has_all:
        try:
            await printer.take(await anext(pieces))
        except StopAsyncIteration:
            break
        except OutputGapError as gap:
            printer.miss(gap.lost_bytes)
    await printer.end()


class _Printer:
    """Prints what is wanted of the output that goes by, the last lines first if so asked."""

    def __init__(self, request: LogsRequest, upto_bytes: int) -> None:
        self._stream = request.stream
        self._upto_bytes = upto_bytes
        self._passed_bytes = 0
        self._missed_bytes = 0
        self._tail = None if request.lines is None else OutputTail(request.lines)
        self._shown = ShownOutput()

    @property
    def has_all(self) -> bool:
        """Whether all went by that was there when it was asked for."""
        return self._passed_bytes >= self._upto_bytes

    async def take(self, piece: OutputPiece) -> None:
        """Take what comes next."""
        self._passed_bytes += len(piece.data)
        is_error = piece.stream == "stderr"
        if self._stream is None or is_error == (self._stream == "stderr"):
            # Of one stream alone nobody has to tell it from the other.
            taken = Piece(is_error and self._stream is None, piece.data)
            if self._tail is None:
                await self._shown.write(taken.data, is_error=taken.is_error)
            else:
                self._tail.add(taken)
        if self.has_all:
            await self.end()

    def miss(self, lost_bytes: int | None) -> None:
        """Learn that output is missing here, and say so where it is not before the last lines."""
        self._passed_bytes += lost_bytes or 0
        self._missed_bytes += lost_bytes or 0
        if self._tail is None:
            self._say_missed()

    async def end(self) -> None:
        """Print the last lines, if that is still to be done."""
        tail, self._tail = self._tail, None
        if tail is None:
            return
        if self._missed_bytes and not tail.is_full:
            self._say_missed()
        for piece in tail.take():
            await self._shown.write(piece.data, is_error=piece.is_error)

    def _say_missed(self) -> None:
        say(f"{self._missed_bytes} bytes of output are missing here: the host keeps no more")
        self._missed_bytes = 0
