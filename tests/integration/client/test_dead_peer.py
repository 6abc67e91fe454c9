"""A network that swallows everything and tells nobody."""

from telexec_client import connect
from tests.harness import programs
from tests.harness.deadline import eventually, within
from tests.harness.fault_proxy import fault_proxy
from tests.harness.server import Server


async def test_a_dead_peer_is_noticed_although_nobody_says_so(service: Server) -> None:
    with fault_proxy(service.url) as proxy:
        async with (
            connect(proxy.url) as client,
            client.start(programs.say_and_sleep("x")) as process,
        ):
            assert await process.stdout.read() == b"x"
            proxy.stall()
            await eventually(lambda: proxy.connections > 1, what="another connection")
            proxy.cut()
            proxy.resume()
            done = await within(client.run(programs.say("back")), what="a run")
            assert done.stdout == b"back"
