"""How a pod that is going has its callers open their next connection, which leads to another pod.

A bento's image is taken as it is, so the code that says `Connection: close` comes with the pod: its text is in two
annotations, which a volume shows as files. BentoML's images start through bash, which reads the file that BASH_ENV
names first: that is how a folder is put before PYTHONPATH without losing what the image or the user has there. With an
image that starts otherwise nothing is changed, and its callers' connections end as the server ends them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from ekiben.api.base import GROUP

_HOOK_VOLUME = "ekiben-hook"
_STATE_VOLUME = "ekiben-state"
# In the root folder, where no volume of the user's can be mounted around them.
_HOOK_PATH = "/.ekiben/hook"
_STATE_PATH = "/.ekiben/state"
_MARK = f"{_STATE_PATH}/draining"
_FILES = {
    "env.sh": f"""\
export EKIBEN_DRAIN_MARK={_MARK}
export PYTHONPATH={_HOOK_PATH}${{PYTHONPATH:+:$PYTHONPATH}}
unset BASH_ENV
""",
    "sitecustomize.py": files("ekiben.hook").joinpath("sitecustomize.py").read_text("utf-8"),
}


def pod_annotations() -> dict[str, str]:
    """Return the annotations of the pod that hold the files."""
    return {_annotation(name): text for name, text in _FILES.items()}


def volumes() -> list[dict[str, Any]]:
    """Return the volumes: the files, and a folder for the mark that the pod is draining."""
    items = [
        {"path": name, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{_annotation(name)}']"}}
        for name in _FILES
    ]
    return [
        {"name": _HOOK_VOLUME, "downwardAPI": {"items": items}},
        {"name": _STATE_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}},
    ]


def mounts() -> list[dict[str, Any]]:
    """Return the mounts of the volumes."""
    return [
        {"name": _HOOK_VOLUME, "mountPath": _HOOK_PATH, "readOnly": True},
        {"name": _STATE_VOLUME, "mountPath": _STATE_PATH},
    ]


def environment() -> dict[str, str]:
    """Return the variables by which the image's start takes the files up."""
    return {"BASH_ENV": f"{_HOOK_PATH}/env.sh"}


def pre_stop(seconds: int) -> dict[str, Any]:
    """Return the preStop action: mark the pod as draining, and go on answering for so long."""
    # A mark that cannot be made must not cut the wait short.
    return {"exec": {"command": ["/bin/sh", "-c", f"touch {_MARK}; exec sleep {seconds}"]}}


def _annotation(name: str) -> str:
    return f"{GROUP}/hook-{name}"
