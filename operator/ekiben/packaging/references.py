"""Names: of a registry, of an image in it, of a resource."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ekiben.packaging.errors import PackagingError

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REGISTRY = re.compile(rf"(?P<host>{_HOST})(?P<path>(?:/{_COMPONENT})*)")
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Registry:
    """Where images go: a host with its port, and the folder in it (may be empty)."""

    host: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Registry:
        """Raises PackagingError for what cannot be the beginning of an image's name, such as a URL."""
        found = _REGISTRY.fullmatch(text.rstrip("/"))
        if "://" in text or found is None:
            raise PackagingError(
                f"--registry {text!r} is not the beginning of an image name. "
                "Write a host, a port if it has one, and a folder if you use one: registry.example.com/team"
            )
        return cls(host=found["host"], path=found["path"])

    def image(self, repository: str, tag: str) -> str:
        return f"{self.host}{self.path}/{repository}:{tag}"

    @property
    def is_loopback(self) -> bool:
        """Whether it can only be this machine, which is the one place where plain HTTP is no risk."""
        name = self.host.rsplit(":", 1)[0] if not self.host.endswith("]") else self.host
        name = name.strip("[]")
        if name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def resource_name(bento_name: str) -> str:
    """A Kubernetes name made of a bento's name. Raises PackagingError when there is none in it."""
    name = re.sub(r"[^a-z0-9]+", "-", bento_name.lower()).strip("-")
    if not _NAME.fullmatch(name):
        raise PackagingError(
            f"{bento_name!r} gives no name for a Kubernetes resource: it must begin with a letter and consist of at "
            "most 63 lower-case letters, digits and hyphens. Give one with --name."
        )
    return name
