"""Logs: one JSON object a line, with the resource they are about."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal


class ResourceLog(logging.LoggerAdapter[logging.Logger]):
    """A logger that knows which resource it speaks of."""

    def __init__(self, logger: logging.Logger, namespace: str, name: str, **fields: Any) -> None:
        super().__init__(logger, {})
        self.fields = {"namespace": namespace, "name": name, **fields}

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the resource into the record, where the formatters find it."""
        fields = kwargs.pop("fields", {})
        kwargs["extra"] = {"ekiben": {**self.fields, **fields}}
        return msg, kwargs


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the resource a record is about: ours, or the one that kopf put there."""
    ours = getattr(record, "ekiben", None)
    if isinstance(ours, dict):
        return ours
    theirs = getattr(record, "k8s_ref", None)
    if isinstance(theirs, dict):
        return {key: theirs[key] for key in ("kind", "namespace", "name") if theirs.get(key)}
    return {}


class JsonFormatter(logging.Formatter):
    """ts, level, logger, msg, the fields of the resource, and exc where there was an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exc"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """For people: time, level, resource, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and the traceback below it where there was an exception."""
        fields = _fields(record)
        who = "/".join(str(fields[key]) for key in ("namespace", "name") if key in fields)
        moment = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = f"{moment} {record.levelname:<7} {who + ': ' if who else ''}{record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class Damper(logging.Filter):
    """Lets one of kopf's lines about failed requests pass in ten seconds.

    When the API server is away each of seven watches says so at every attempt, in 800 characters.
    """

    _PREFIX = "Request attempt"
    _EVERY = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._last = -self._EVERY

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        if not record.name.startswith("kopf") or not record.getMessage().startswith(self._PREFIX):
            return True
        if record.created - self._last < self._EVERY:
            return False
        self._last = record.created
        return True


def configure(form: Literal["json", "text"], level: str) -> None:
    """Send every logger of the process, kopf's included, to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(Damper())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # kopf tells every event of every object; of the web server's log, the probes would be all there is.
    logging.getLogger("kopf").setLevel(max(root.level, logging.WARNING) if level != "debug" else logging.DEBUG)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class Complaint:
    """A problem that is met again and again: told when it begins or changes, and when it is over."""

    def __init__(self, log: logging.Logger, about: str) -> None:
        """Prepare; `about` is what cannot be done, such as "to look at the activators"."""
        self._log = log
        self._about = about
        self._told = ""

    def met(self, problem: str) -> None:
        """Tell a problem unless it is the one that was told last."""
        if problem != self._told:
            self._log.warning("It is not possible %s: %s", self._about, problem)
        self._told = problem

    def over(self) -> None:
        """Tell that there is none any more, where there was one."""
        if self._told:
            self._log.info("It is possible again %s", self._about)
        self._told = ""
