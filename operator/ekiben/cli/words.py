"""Numbers and times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_IMAGE = re.compile(r"[-a-zA-Z0-9.:/_]+@sha256:[0-9a-f]{64}")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def moment(written: str) -> float:
    """Return RFC 3339 text as seconds since the epoch."""
    return datetime.fromisoformat(written).timestamp()


def written(now: float) -> str:
    """Return seconds since the epoch as RFC 3339 text in UTC."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(seconds: float) -> str:
    """Return a duration in at most two units: "40 s", "4 min 10 s", "3 h", "2 d 5 h"."""
    whole = round(max(0.0, seconds))
    for (size, unit), (smaller, below) in zip(_UNITS, (*_UNITS[1:], (1, "")), strict=True):
        if whole >= size:
            rest = whole % size // smaller if below else 0
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return "0 s"


def until(written: str, now: float) -> str:
    """Return how far a time lies ahead or back: "in 40 s", "now", "3 min ago"."""
    left = moment(written) - now
    if abs(left) < 1:
        return "now"
    return f"in {span(left)}" if left > 0 else f"{span(-left)} ago"


def ago(written: str, now: float) -> str:
    """Return how long ago a time was, in one unit: "2 h ago"."""
    passed = max(0.0, now - moment(written))
    size, unit = next(((size, unit) for size, unit in _UNITS if passed >= size), (1, "s"))
    return f"{passed // size:.0f} {unit} ago"


def clock(written: str, now: float, zone: datetime | None = None) -> str:
    """Return a time in the zone of this machine; with its date where that is not today's."""
    zone = zone or datetime.now(UTC).astimezone()
    when = datetime.fromisoformat(written).astimezone(zone.tzinfo)
    today = datetime.fromtimestamp(now, zone.tzinfo).date()
    return when.strftime("%H:%M:%S" if when.date() == today else "%Y-%m-%d %H:%M:%S")


def count(number: int, what: str, many: str = "") -> str:
    """Return "1 pod", "1,204 requests"."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def share(part: int, whole: int) -> str:
    """Return a part of a whole in per cent, with as many digits as tell it from nothing: "0 %", "0.03 %", "12 %"."""
    if whole <= 0:
        return "-"
    value = 100 * part / whole
    if value == 0 or value >= 9.95:
        return f"{value:.0f} %"
    return f"{value:.1f} %" if value >= 0.1 else f"{value:.1g} %"


def evidence(value: float) -> str:
    """Return evidence as a share of what decides: "63 %"; never 100 % before it decides."""
    percent = 100 * max(0.0, value)
    return f"{min(percent, 99) if value < 1 else percent:.0f} %"


def short_image(image: str) -> str:
    """Return an image without its registry, and of its digest the beginning."""
    name, at, digest = image.partition("@")
    name = name.rpartition("/")[2]
    return f"{name}@{digest.removeprefix('sha256:')[:12]}" if at else name


def shortened(text: str) -> str:
    """Return a text with the images in it as `short_image` writes them."""
    return _IMAGE.sub(lambda found: short_image(found[0]), text)


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    first = text[0].upper() if text.split(maxsplit=1)[0].rstrip(":,;").isalpha() else text[0]
    return first + text[1:] + ("" if text[-1] in ".!?" else ".")
