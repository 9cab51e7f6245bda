"""Which bentos a registry holds already, so that a second demo makes no image again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

_ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


class Pushed:
    """A file of what was pushed, believed only where the registry still has it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._known: dict[str, str] = json.loads(file.read_text())
        except (OSError, ValueError):
            self._known = {}

    def find(self, bento_tag: str, registry: str) -> str | None:
        """Return the reference by digest under which the registry has the bento; None where it has not."""
        image = self._known.get(bento_tag)
        if image is None or not image.startswith(f"{registry}/"):
            return None
        repository, _, digest = image.removeprefix(f"{registry}/").partition("@")
        # The local cluster's registry speaks plain HTTP on this machine's loopback.
        url = f"http://{registry}/v2/{repository}/manifests/{digest}"
        request = urllib.request.Request(url, method="HEAD", headers={"Accept": _ACCEPT})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5):
                return image
        except (urllib.error.URLError, OSError):
            return None

    def remember(self, bento_tag: str, image: str) -> None:
        """Keep what was pushed."""
        self._known[bento_tag] = image
        self._file.write_text(json.dumps(self._known, indent=2))
