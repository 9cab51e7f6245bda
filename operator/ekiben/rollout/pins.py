"""The pin: which revision serves instead of the one that spec.model asks for, until spec.model changes."""

from __future__ import annotations

from ekiben.api.status import Pinned, RevisionStatus

from .draft import Draft
from .observation import Revision


def pin(draft: Draft, one: Revision | RevisionStatus) -> None:
    """Have a revision serve instead of what spec.model asks for.

    Where it is just that, the pin only says that it was asked for, and goes when it serves.
    """
    name = one.name if isinstance(one, Revision) else one.revision
    asked = draft.observation.target.revision
    own = Pinned(revision=name, number=one.number, image=one.image, model=dict(one.model), instead_of=asked)
    draft.update(pinned=own)


def forget(draft: Draft) -> None:
    """End the pin once spec.model asks for something else."""
    pinned = draft.status.pinned
    if pinned is not None and pinned.instead_of != draft.observation.target.revision:
        draft.update(pinned=None)


def serves(draft: Draft) -> None:
    """Note that the rollout to a pinned revision has ended well: where spec.model asks for it too, nothing is left."""
    pinned = draft.status.pinned
    if pinned is not None and pinned.revision == pinned.instead_of:
        draft.update(pinned=None)


def fails(draft: Draft, revision: str) -> None:
    """Note that a revision does not work: a pinned one is not tried for ever, and what serves stays."""
    stable, pinned = draft.status.stable, draft.status.pinned
    if stable is None or pinned is None or pinned.revision != revision:
        return
    if stable.revision == pinned.instead_of:
        draft.update(pinned=None, rejected_revision=None)
    else:
        pin(draft, stable)
