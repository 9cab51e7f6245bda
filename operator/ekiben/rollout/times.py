"""Seconds since the epoch, as decide() reckons, and RFC 3339 text, as status keeps it."""

from __future__ import annotations

from datetime import UTC, datetime


def text(moment: float) -> str:
    """Return a moment as RFC 3339 text in UTC, to the millisecond, so that a settle time survives a restart."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(written: str) -> float:
    """Return RFC 3339 text as seconds since the epoch.

    Raises:
        ValueError: the text is no RFC 3339 time.
    """
    return datetime.fromisoformat(written).timestamp()


def since(written: str | None, now: float) -> float:
    """Return the seconds that have passed since a time of the status; 0 where it is not set or lies ahead."""
    return 0.0 if written is None else max(0.0, now - moment(written))


def after(written: str, seconds: float) -> str:
    """Return the moment so many seconds after a time of the status."""
    return text(moment(written) + seconds)
