"""The ladder that ends a tree of processes: TERM, a grace, then KILL until nothing is left."""

from collections.abc import Set as AbstractSet
from enum import Enum, auto

GIVE_UP_S = 5.0
"""How long after the first KILL something may still live before it is given up as a survivor."""

_FIRST_LOOK_S = 0.002
_LAST_LOOK_S = 0.2
"""Between two looks at a tree; each wait is twice the one before."""

_KILLS_BEFORE_FREEZE = 2
"""How often a tree may show new members after a KILL before it is stopped first."""


class Action(Enum):
    """What is to be done with the living members of a tree now."""

    WAIT = auto()
    ASK = auto()
    FREEZE = auto()
    KILL = auto()
    GIVE_UP = auto()


class Step:
    """What to do now, and in how many seconds to look again.

    `ASK`: TERM, and CONT for what is stopped. `FREEZE`: STOP all that is not frozen yet, so that
    nothing can start anything. `GIVE_UP`: what lives cannot be ended, or there is nothing.
    """

    # Written out: the guardian would have to load what makes classes shorter.
    __slots__ = ("action", "look_again_s")

    def __init__(self, action: Action, look_again_s: float = 0.0) -> None:
        self.action = action
        self.look_again_s = look_again_s


class Ladder:
    """Decides how one tree is ended, from what is seen of it.

    Args:
        now: The time, in seconds of any clock.
        grace_s: Between TERM and KILL; 0: KILL at once, without TERM.
    """

    def __init__(self, now: float, grace_s: float) -> None:
        self._kill_at = now + grace_s
        self._is_asked = grace_s <= 0
        self._look_again_s = _FIRST_LOOK_S
        self._kills = 0
        self._seen: AbstractSet[int] = frozenset()
        self._frozen: set[int] = set()
        self._is_freezing = False

    def hurry(self, now: float, grace_s: float) -> None:
        """Give no longer than `grace_s` from now on."""
        self._kill_at = min(self._kill_at, now + grace_s)
        self._look_again_s = _FIRST_LOOK_S

    def step(self, now: float, living: AbstractSet[int], refused: AbstractSet[int]) -> Step:
        """Say what to do, given the pids that live and those that let themselves not be signalled.

        Zombies do not live.
        """
        if not living:
            return Step(Action.GIVE_UP)
        if now < self._kill_at:
            return self._wait_for_grace(now)
        if living <= refused or now >= self._kill_at + GIVE_UP_S:
            return Step(Action.GIVE_UP)
        if self._kills >= _KILLS_BEFORE_FREEZE and living - self._seen:
            # It starts new ones faster than they are killed. Killing makes room for more under a
            # limit on processes; stopping does not.
            self._is_freezing = True
        self._seen = frozenset(living)
        if self._is_freezing and living - self._frozen - refused:
            # A signal that is on its way is enough: no fork ends well with one (fork(2)).
            self._frozen |= living
            return Step(Action.FREEZE)
        if self._kills == 0:
            self._look_again_s = _FIRST_LOOK_S
        self._kills += 1
        return Step(Action.KILL, self._next_look_s())

    def _wait_for_grace(self, now: float) -> Step:
        action = Action.WAIT if self._is_asked else Action.ASK
        self._is_asked = True
        return Step(action, min(self._next_look_s(), self._kill_at - now))

    def _next_look_s(self) -> float:
        wait_s = self._look_again_s
        self._look_again_s = min(2 * wait_s, _LAST_LOOK_S)
        return wait_s
