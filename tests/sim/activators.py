"""The activators at level decisions: what they know, which Services lead to them, and what they hold."""

from __future__ import annotations

from ekiben.rollout.observation import Activator
from ekiben.rollout.plan import EnsureActivation

_GONE = 15.0
_ANSWERED = 2.0
"""Seconds that what they have handed on takes."""


class Activators:
    """All of them, as one model meets them."""

    def __init__(self, *, installed: bool) -> None:
        self.installed = installed
        self.ready = True
        self.readable = True
        """Their pages can be read."""
        self.waiting = False
        """They hold requests that wait for a pod."""
        self._since = 0.0
        """When `ready` last changed."""
        self._knows: tuple[str, int] | None = None
        """The model's revision, and how many of its pods were ready when they were told."""
        self._opened = False
        self._addresses = 0
        """Those that start anew have others."""
        self._listed: int | None = None
        self._path: int | None = None
        """The addresses behind the Services NAME-wake and NAME."""
        self._busy_until = 0.0

    def told(self, now: float) -> Activator | None:
        """Return what a decision is told."""
        if not self.installed:
            return None
        return Activator(
            able=self._present and self._listed == self._addresses,
            in_path=self._present and self._path == self._addresses,
            holding=not self.readable or self.waiting or now < self._busy_until,
            waiting=self.waiting,
            gone=not self.ready and now - self._since >= _GONE,
            led=self._path is not None,
        )

    @property
    def in_path(self) -> bool:
        """Whether the Service NAME leads to them."""
        return self._path is not None

    @property
    def moves(self) -> bool:
        """Whether they have not opened the model's port yet."""
        return self.ready and self._knows is not None and not self._opened

    @property
    def serves(self) -> bool:
        """Whether they hold and hand on what comes to them."""
        return self.ready and self._opened and self._listed is not None

    @property
    def pods(self) -> int:
        """How many pods they may hand requests on to."""
        return self._knows[1] if self._knows is not None else 0

    @property
    def _present(self) -> bool:
        return self.ready and self._opened

    def after(self, action: EnsureActivation | None, pods: int) -> tuple[object, ...]:
        """Return what they know and who leads to them once an action was carried out; None: LeaveActivation."""
        if action is None:
            return (None, None, None)
        knows, listed, path = (action.revision, pods), self._listed, self._path
        if self._present:
            listed, path = self._addresses, self._addresses if action.in_path else None
        elif not action.in_path:
            path = None
        return (knows, listed, path)

    def changes(self, action: EnsureActivation | None, pods: int) -> bool:
        """Whether an action finds something to do."""
        return self.installed and self.after(action, pods) != (self._knows, self._listed, self._path)

    def carry_out(self, action: EnsureActivation | None, pods: int) -> None:
        """Carry an action out."""
        self._knows, self._listed, self._path = self.after(action, pods)  # type: ignore[assignment]
        self._opened = self._opened and self._knows is not None

    def lose_slices(self) -> None:
        """Somebody deletes the EndpointSlices."""
        self._listed = self._path = None

    def go(self, now: float) -> None:
        """They end; what they hold is lost with them."""
        self.ready, self.waiting, self._opened, self._since = False, False, False, now

    def come(self, now: float) -> None:
        """Others start, with other addresses."""
        self.ready, self._since, self._addresses = True, now, self._addresses + 1

    def tick(self, now: float, *, asked: bool, ready: bool) -> None:
        """Let time pass; `asked`: requests come to them, `ready`: the model has a pod."""
        self._opened = self.ready and self._knows is not None
        handed_on = ready and self.pods > 0
        if (asked or self.waiting) and self.serves:
            self.waiting = not handed_on
            self._busy_until = now + _ANSWERED
