"""A filled etcd to begin with: what every new cluster would apply first, applied once and kept in the cache.

It holds the API server's own defaults, the custom resource definitions, DNS, metrics-server, the gateway and its
certificates, from a moment at which no node and no controller had run: nothing in it belongs to one cluster.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

# The gateway's certificates are inside, and they end one day.
_FRESH_SECONDS = 30 * 24 * 3600


def place(manifests: Path) -> Path:
    """Return where the seed of these rendered manifests is kept."""
    return manifests.parent / "etcd-seed"


def plant(seed: Path, data: Path) -> bool:
    """Copy the seed to where etcd will look; False where there is none, or it has become too old."""
    if not seed.is_dir() or time.time() - seed.stat().st_mtime > _FRESH_SECONDS:
        return False
    data.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".seed-", dir=data.parent) as temporary:
        copy = Path(temporary) / "etcd"
        shutil.copytree(seed, copy)
        copy.rename(data)
    return True


def keep(data: Path, seed: Path) -> None:
    """Keep a copy of a stopped etcd's data as the seed."""
    with tempfile.TemporaryDirectory(prefix=".seed-", dir=seed.parent) as temporary:
        copy = Path(temporary) / "etcd"
        shutil.copytree(data, copy)
        copy.chmod(0o700)
        if seed.exists():
            shutil.rmtree(seed)
        copy.rename(seed)
        # copytree keeps the times of what it copies
        now = time.time()
        os.utime(seed, (now, now))
