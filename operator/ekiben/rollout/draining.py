"""Whether a revision that gets no new requests has answered its last one."""

from __future__ import annotations

from ekiben.api.base import seconds

from . import times
from .draft import Draft

# Without requests for this long, a revision that gets none any more has answered the last one.
_QUIET_SECONDS = 5.0
# Where the pods export no counters.
_BLIND_SECONDS = 30.0


def not_begun(draft: Draft) -> None:
    """Begin to wait anew once the gateway has acknowledged, again, that the revision gets no requests."""
    draft.update_rollout(drain_since=None)
    draft.look_in(1)


def done(draft: Draft, revision: str) -> bool:
    """Return whether a revision whose weight 0 was acknowledged is drained; the first call starts the clock.

    Under replicaRatio connections outlive the Service's choice, so requests go on until the pods end: they answer
    `Connection: close` while they do, and nothing is gained by waiting.
    """
    running = draft.status.rollout
    if running is None:
        return False
    exists = draft.revision(revision)
    if exists is None or exists.existing == 0 or draft.by_replicas:
        return True
    draft.look_in(1)
    if running.drain_since is None:
        draft.update_rollout(drain_since=times.text(draft.now))
        return False
    waited = times.since(running.drain_since, draft.now)
    drain = draft.observation.drains.get(revision)
    if drain is None or not drain.known:
        return waited >= _BLIND_SECONDS
    # A stream that never ends must not keep a revision up for ever; its pods still get their grace period.
    longest = max(_BLIND_SECONDS, seconds(draft.observation.resource.spec.traffic.timeout)) + _QUIET_SECONDS
    if waited >= longest:
        return True
    if drain.quiet_since is None:
        return False
    return draft.now - max(drain.quiet_since, times.moment(running.drain_since)) >= _QUIET_SECONDS
