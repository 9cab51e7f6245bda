"""What a ModelDeployment becomes in the cluster. Pure: a resource in, manifests (plain dicts) out.

One kind a file, each with `render(...)`; names, labels and ownership are in `names` and `meta`, and `compare` says
whether a live object still is what was rendered.
"""

from .settings import Settings

__all__ = ["Settings"]
