"""What a client leaves behind, finds again, reads along and takes over."""

import asyncio
import signal
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest

from telexec_client import Client, FollowedProcess, Process, connect, errors
from tests.harness import procfs, programs
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import fault_proxy
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import running_service, service_argv

pytestmark = pytest.mark.both_loops

LINES = programs.numbered_lines(1, 400_000)
EXPECTED = programs.expected_lines(1, 400_000)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that keeps sessions for an hour where a client asks for it."""
    config = "[sessions]\nmax_lease_s = 3600.0\n"
    with running_service(tmp_path_factory.mktemp("patient"), config=config) as server:
        yield server


async def names_of(client: Client) -> set[str]:
    return {str(entry.name) for entry in (await client.sessions()).sessions if entry.name}


async def read(process: FollowedProcess, count: int) -> bytes:
    """Read at least so many bytes, or to the end."""
    data = b""
    while len(data) < count and (piece := await within(process.stdout.read(), what="output")):
        data += piece
    return data


async def collected(process: FollowedProcess) -> tuple[bytes, int]:
    """Return the output up to the end, and how much is missing in it."""
    output, lost_bytes = b"", 0
    while True:
        try:
            piece = await process.stdout.read()
        except errors.OutputGapError as gap:
            lost_bytes += gap.lost_bytes or 0
            continue
        if not piece:
            return output, lost_bytes
        output += piece


async def test_closing_a_client_leaves_nothing_on_the_host(service: Server) -> None:
    async with connect(service.url) as observer:
        async with connect(service.url) as client:
            process = await client.start(programs.family(2))
            await read(process, 1)
            done = await client.run(
                programs.shell("sleep 600 >/dev/null 2>&1 & echo $!"), check=True
            )
            session = client.session_id
        # What it left in the background has ended, too, and so has the session.
        assert not procfs.is_alive(int(done.stdout))
        assert process.pid is not None
        assert not procfs.is_alive(process.pid)
        listed = {entry.session_id for entry in (await observer.sessions()).sessions}
        assert session not in listed


async def test_a_client_that_ran_everything_to_its_end_does_not_wait(service: Server) -> None:
    async with connect(service.url) as observer:
        async with connect(service.url) as client:
            await client.run(programs.succeed())
            session = client.session_id

        async def is_listed() -> bool:
            listed = (await observer.sessions()).sessions
            return any(entry.session_id == session for entry in listed)

        async def until_gone() -> None:
            while await is_listed():
                pass

        await within(until_gone(), what="the end of the session")


async def test_the_lease_is_what_was_asked_for_as_far_as_it_is_granted(patient: Server) -> None:
    async with connect(patient.url) as usual:
        assert usual.lease_s == 30
    async with connect(patient.url, on_disconnect=600) as long:
        assert long.lease_s == 600
    async with connect(patient.url, on_disconnect=1e6) as too_long:
        assert too_long.lease_s == 3600
    async with connect(patient.url, on_disconnect="kill") as none:
        assert none.lease_s == 0


async def test_a_session_that_ends_with_its_connection_is_lost_at_once(service: Server) -> None:
    with fault_proxy(service.url) as proxy:
        async with connect(proxy.url, on_disconnect="kill") as client:
            process = await client.start(programs.sleep())
            proxy.cut()
            with pytest.raises(errors.SessionLostError, match="as asked"):
                await within(process.wait(), what="the news")
            pid = process.pid
            assert pid is not None
            await eventually(lambda: not procfs.is_alive(pid), what="its end")
        assert proxy.connections == 1


async def test_a_long_job_outlives_its_client_and_is_found_again(
    patient: Server, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    script = 'echo begun; until [ -e "$1" ]; do sleep 0.02; done; echo done; exit 3'
    async with connect(patient.url, session="job", on_disconnect=600) as starter:
        await starter.start(programs.shell(script, str(go)), env={"PATH": "/usr/bin:/bin"})
        await starter.detach()
    async with connect(patient.url, session="job", session_mode="resume") as later:
        assert later.lease_s == 600
        (entry,) = (await later.processes()).processes
        assert (entry.state, entry.argv[0], entry.attached) == ("running", "/bin/sh", False)
        async with later.attach(entry.process_id) as process:
            assert isinstance(process, Process)
            assert await read(process, 6) == b"begun\n"
            go.touch()
            done = await within(process.wait(), what="its end")
        assert (done.stdout, done.exit_code, done.argv) == (b"done\n", 3, tuple(entry.argv))
        # The whole of it can be had again; or only what is still to come, which is nothing.
        async with later.attach(entry.process_id) as process:
            assert (await within(process.wait(), what="its end")).stdout == b"begun\ndone\n"
        (entry,) = (await later.processes()).processes
        async with later.attach(
            entry.process_id, after_seq=entry.next_seq - 1, after_bytes=entry.output_bytes
        ) as process:
            done = await within(process.wait(), what="its end")
        assert (done.stdout, done.exit_code) == (b"", 3)


async def test_leaving_an_attached_process_leaves_it_running(patient: Server) -> None:
    async with connect(patient.url) as client:
        process = await client.start(programs.echo(), stdin=True)
        await process.write(b"one\n")
        assert await read(process, 4) == b"one\n"
        with pytest.raises(errors.ProcessFollowedError):
            await client.attach(process.process_id)
        process.detach()
        process.detach()
        for expected in (b"one\ntwo\n", b"one\ntwo\nthree\n"):
            async with client.attach(process.process_id) as again:
                await again.write(expected[-4:] if b"three" not in expected else b"three\n")
                assert await read(again, len(expected)) == expected
        (entry,) = (await client.processes()).processes
        assert entry.state == "running"
        last = await client.attach(process.process_id)
        await last.close_stdin()
        assert (await within(last.wait(), what="its end")).exit_code == 0


async def test_who_attaches_again_can_write_without_binary_frames_as_well() -> None:
    async with connect() as client:
        process = await client.start(programs.echo(), stdin=True)
        written = b""
        for line in (b"one\n", b"two\n"):
            await process.write(line)
            written += line
            assert await read(process, len(written)) == written
            process.detach()
            process = await client.attach(process.process_id)


async def test_who_waits_for_a_process_that_is_left_is_told_so_and_it_goes_on(
    patient: Server,
) -> None:
    async with connect(patient.url) as client:
        process = await client.start(programs.echo(), stdin=True)
        async with asyncio.TaskGroup() as tasks:
            before = [
                tasks.create_task(refused(process.wait())),
                tasks.create_task(refused(process.stdout.read())),
                tasks.create_task(refused(anext(process.lines()))),
            ]
            # As far as they get.
            await client.processes()
            process.detach()
        after = [
            await refused(process.wait()),
            await refused(process.communicate()),
            await refused(process.stdout.read()),
        ]
        for error in (*(it.result() for it in before), *after):
            assert str(error).startswith("cannot follow")
        async with client.attach(process.process_id) as again:
            await again.close_stdin()
            assert (await within(again.wait(), what="its end")).exit_code == 0


async def refused(waiting: Awaitable[object]) -> errors.ProcessDetachedError:
    """Return the error of somebody who waits for a process that was left."""
    with pytest.raises(errors.ProcessDetachedError) as caught:
        await within(waiting, what="the news")
    return caught.value


async def test_output_that_was_dropped_by_leaving_a_process_is_not_taken_for_none(
    patient: Server,
) -> None:
    async with connect(patient.url) as client:
        process = await client.start(programs.say("said"))
        while not process.is_over:
            await within(process.changed(), what="its end")
        process.detach()
        await refused(process.wait())
        assert process.exit_code == 0


async def test_what_was_had_before_a_process_was_left_can_be_asked_for_again(
    patient: Server,
) -> None:
    async with connect(patient.url) as client:
        waited = await client.start(programs.say("said"))
        done = await waited.wait()
        waited.detach()
        assert await waited.wait() == done
        read_out = await client.start(programs.say("said"))
        assert b"".join([piece.data async for piece in read_out.output()]) == b"said"
        read_out.detach()
        assert (await read_out.wait()).exit_code == 0
        assert read_out.failure is None


async def test_who_reads_along_no_more_is_told_so(patient: Server) -> None:
    async with connect(patient.url) as client:
        process = await client.start(programs.say_and_sleep("said"))
        watched = await client.watch(client.session_id, process.process_id)
        assert (await anext(watched.output())).data == b"said"
        watched.detach()
        assert str(await refused(watched.wait())).startswith(f"cannot follow {process.argv[0]!r}")
        await process.terminate()
        assert (await process.wait()).stdout == b"said"


async def test_an_attached_process_survives_cuts(patient: Server) -> None:
    async with connect(patient.url, session="cuts", on_disconnect=60) as starter:
        await starter.start(LINES)
        await starter.detach()
    with fault_proxy(patient.url) as proxy:
        async with connect(
            proxy.url, session="cuts", session_mode="take_over", on_disconnect=60
        ) as client:
            (entry,) = (await client.processes()).processes
            proxy.cut_after(server_bytes=300_000)
            async with client.attach(entry.process_id) as process:
                done = await within(process.wait(), what="the end", deadline_s=60)
            assert done.stdout == EXPECTED
            assert proxy.connections == 2


async def test_taking_over_while_output_flows_loses_nothing(patient: Server) -> None:
    async with connect(patient.url, session="hot") as first:
        process = await first.start(LINES)
        await read(process, 10_000)
        async with connect(
            patient.url, session="hot", session_mode="take_over", client_name="usurper"
        ) as second:
            with pytest.raises(errors.SessionTakenOverError, match="usurper"):
                await within(process.wait(), what="the news")
            with pytest.raises(errors.SessionTakenOverError):
                await first.run(programs.succeed())
            (entry,) = (await second.processes()).processes
            async with second.attach(entry.process_id) as again:
                # From the oldest that is retained on: before that lies what the first one had.
                output, lost_bytes = await within(collected(again), what="all", deadline_s=60)
            assert lost_bytes + len(output) == len(EXPECTED)
            assert EXPECTED.endswith(output)
            await first.close()
            # Its end is not that of the session.
            assert "hot" in await names_of(second)


async def test_who_was_cut_off_and_taken_over_does_not_come_back(patient: Server) -> None:
    with fault_proxy(patient.url) as proxy:
        async with connect(proxy.url, session="war") as first:
            process = await first.start(programs.sleep())
            proxy.refuse()
            proxy.stall()
            async with connect(patient.url, session="war", session_mode="take_over") as second:
                proxy.cut()
                proxy.resume()
                proxy.accept()
                with pytest.raises(errors.SessionTakenOverError):
                    await within(process.wait(), what="the news")
                assert (await second.processes()).processes[0].state == "running"


async def test_names_are_taken_missing_or_in_use(patient: Server) -> None:
    async with connect(patient.url, session="mine") as owner:
        with pytest.raises(errors.SessionNameTakenError):
            await connect(patient.url, session="mine")
        with pytest.raises(errors.SessionNotFoundError):
            await connect(patient.url, session="nobodys", session_mode="resume")
        trying = asyncio.ensure_future(_connected(patient.url))
        # The owner is alive: it answers when the host asks.
        with pytest.raises(errors.SessionInUseError):
            await within(trying, what="the refusal")
        assert "mine" in await names_of(owner)


async def _connected(url: str) -> Client:
    return await connect(url, session="mine", session_mode="resume")


async def test_reading_along_follows_to_the_end(patient: Server) -> None:
    async with connect(patient.url, session="watched") as owner, connect(patient.url) as reader:
        process = await owner.start(programs.echo(), stdin=True)
        await process.write(b"one\n")
        assert await read(process, 4) == b"one\n"
        (entry,) = (await reader.processes("watched")).processes
        async with reader.watch("watched", entry.process_id) as watched:
            assert not isinstance(watched, Process)
            assert await read(watched, 4) == b"one\n"
            await process.write(b"two\n")
            assert await read(watched, 4) == b"two\n"
            await process.close_stdin()
            done = await within(watched.wait(), what="its end")
            assert (done.exit_code, done.reason) == (0, "exited")
        assert (await within(process.wait(), what="its end")).stdout == b"two\n"


async def test_reading_along_goes_on_after_a_cut(patient: Server) -> None:
    with fault_proxy(patient.url) as proxy:
        async with connect(patient.url) as owner, connect(proxy.url) as reader:
            process = await owner.start(programs.echo(), stdin=True)
            async with reader.watch(owner.session_id, process.process_id) as watched:
                for number in range(4):
                    line = b"%d\n" % number
                    await process.write(line)
                    assert await read(watched, len(line)) == line
                    proxy.cut()
                await process.close_stdin()
                assert (await within(watched.wait(), what="its end")).stdout == b""


async def test_a_slow_reader_along_is_told_what_it_missed(tmp_path: Path) -> None:
    with running_service(tmp_path, config="[limits]\nretained_bytes = 100_000\n") as server:
        async with connect(server.url) as owner, connect(server.url) as reader:
            process = await owner.start(
                programs.shell("read x; seq 1 1000000"),
                stdin=True,
                env={"PATH": "/usr/bin:/bin"},
            )
            async with reader.watch(owner.session_id, process.process_id) as watched:
                await process.write(b"go\n")
                # Nobody reads `watched`, and the owner gets all of it.
                done = await within(process.wait(), what="the end", deadline_s=60)
                assert done.stdout == programs.expected_lines(1, 1_000_000)
                with pytest.raises(errors.OutputGapError) as gap:
                    await within(watched.wait(), what="its end")
            assert gap.value.completed is not None
            assert gap.value.lost_bytes is not None
            assert gap.value.lost_bytes + len(gap.value.completed.stdout) == len(done.stdout)


async def test_reading_along_ends_with_the_session(patient: Server) -> None:
    async with connect(patient.url) as reader:
        owner = await connect(patient.url)
        process = await owner.start(programs.say_and_sleep("said"))
        watched = await reader.watch(owner.session_id, process.process_id)
        assert await read(watched, 4) == b"said"
        await owner.close()
        with pytest.raises(errors.ProcessNotFoundError):
            await within(watched.wait(), what="the news")
        with pytest.raises(errors.SessionNotFoundError):
            await reader.watch(owner.session_id, process.process_id)
        with pytest.raises(errors.SessionNotFoundError):
            await reader.processes(owner.session_id)
        with pytest.raises(errors.ProcessNotFoundError):
            await reader.attach("no such process")


async def test_a_host_that_was_killed_and_started_again_is_known_to_be_another_one(
    tmp_path: Path,
) -> None:
    environment = minimal_environment(tmp_path)
    argv = service_argv("ws://127.0.0.1:0", "--no-auth")
    with running_server(argv, env=environment, directory=tmp_path, expect_graceful=False) as first:
        client = await connect(first.url)
        process = await client.start(programs.sleep())
        waiting = asyncio.ensure_future(process.wait())
        first.send_signal(signal.SIGKILL)
        await first.ended()
    try:
        argv = service_argv(first.url, "--no-auth")
        with running_server(argv, env=environment, directory=tmp_path):
            with pytest.raises(errors.HostRestartedError, match="the host has restarted"):
                await within(waiting, what="the news")
            with pytest.raises(errors.HostRestartedError):
                await client.run(programs.succeed())
    finally:
        await client.close()


async def test_a_plain_host_offers_none_of_it(exec_server: Server) -> None:
    async with connect(exec_server.url) as client:
        process = await client.start(programs.succeed())
        for attempt in (
            client.processes(),
            client.sessions(),
            _opened(client, "attach"),
            _opened(client, "watch"),
        ):
            with pytest.raises(errors.UnsupportedError):
                await attempt
        with pytest.raises(errors.UnsupportedError):
            process.detach()
        assert (await process.wait()).exit_code == 0
    with pytest.raises(errors.UnsupportedError):
        await connect(exec_server.url, session="name")
    with pytest.raises(errors.UnsupportedError):
        await connect(exec_server.url, on_disconnect="kill")


async def _opened(client: Client, how: str) -> FollowedProcess:
    return await (client.attach("x") if how == "attach" else client.watch("s", "x"))
