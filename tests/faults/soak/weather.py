"""What the network of one session does in a soak run."""

import asyncio
import random

from tests.faults.soak.ledger import Ledger
from tests.harness.fault_proxy import FaultProxy

LONGEST_CALM_S = 20.0


async def bad_weather(proxy: FaultProxy, ledger: Ledger, chance: random.Random) -> None:
    """Break the connection again and again, each time in some way; never returns.

    However it is left, the network works again.
    """
    faults = (_cut, _hang_up, _cut_within, _stall, _refuse)
    try:
        while True:
            await asyncio.sleep(chance.random() * LONGEST_CALM_S)
            await chance.choices(faults, weights=(4, 2, 3, 1, 1))[0](proxy, chance)
            ledger.cuts += 1
    finally:
        proxy.forget_cut()
        proxy.resume()
        proxy.accept()


async def _cut(proxy: FaultProxy, chance: random.Random) -> None:
    proxy.cut()


async def _hang_up(proxy: FaultProxy, chance: random.Random) -> None:
    proxy.hang_up()


async def _cut_within(proxy: FaultProxy, chance: random.Random) -> None:
    """Cut in the middle of something; if nothing is sent at the moment, cut anyway."""
    if chance.random() < 0.5:
        cut = proxy.cut_after(server_bytes=chance.randint(1, 200_000))
    else:
        cut = proxy.cut_after(client_bytes=chance.randint(1, 2_000))
    try:
        async with asyncio.timeout(LONGEST_CALM_S):
            await asyncio.shield(cut)
    except TimeoutError:
        proxy.cut()


async def _stall(proxy: FaultProxy, chance: random.Random) -> None:
    """Swallow everything for a moment; then go on, or cut."""
    proxy.stall()
    await asyncio.sleep(chance.random())
    if chance.random() < 0.5:
        proxy.cut()
    proxy.resume()


async def _refuse(proxy: FaultProxy, chance: random.Random) -> None:
    proxy.refuse()
    proxy.cut()
    await asyncio.sleep(chance.random())
    proxy.accept()
