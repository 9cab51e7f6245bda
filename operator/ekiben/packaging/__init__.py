"""A bento becomes an image, the image goes to a registry, and a ModelDeployment names it by its digest."""

from __future__ import annotations

from ekiben.packaging.delivery import PushRequest, PushResult, push
from ekiben.packaging.errors import PackagingError, ToolError

__all__ = ["PackagingError", "PushRequest", "PushResult", "ToolError", "push"]
