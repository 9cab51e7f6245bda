"""The whole way: a project or a bento, an image, a registry, a digest, modeldeployment.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ekiben.packaging import bentos, manifest, registry
from ekiben.packaging.builders import find_builder
from ekiben.packaging.commands import Progress
from ekiben.packaging.containerize import ImageOrder, containerize
from ekiben.packaging.references import Registry, resource_name
from ekiben.packaging.trust import prepare


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What `ekiben push` was asked for."""

    target: str
    """A project's folder, which is built first, or the tag of a bento that is there."""
    registry: str
    """Host, port and folder: registry.example.com/team."""
    builder: str = "auto"
    name: str | None = None
    """Of the resource and of the repository; else the bento's own."""
    ca_bundle: Path | None = None
    base_image: str | None = None
    index_url: str | None = field(default=None, repr=False)  # may hold a password
    insecure_registry: bool = False
    bento_arguments: tuple[str, ...] = ()
    """KEY=VALUE for `bentoml build --arg`."""
    output: Path | None = Path("modeldeployment.yaml")
    """Where the resource is written; None writes none."""


@dataclass(frozen=True, slots=True)
class PushResult:
    """What came of it."""

    image: str
    """The reference by digest: what a resource should name."""
    digest: str
    bento_tag: str
    modeldeployment: Path | None


def push(request: PushRequest, progress: Progress) -> PushResult:
    """Do all of it, or raise PackagingError. `progress` gets a line for each step, and the tools' own lines.

    What can be known to be wrong is found before anything is built: names, files, a builder that works.
    """
    destination = Registry.parse(request.registry)
    project = bentos.is_project(request.target)
    builder = find_builder(request.builder)
    if request.name is not None:
        resource_name(request.name)
    with prepare(request.ca_bundle, request.index_url) as trust:
        tag = request.target
        if project:
            progress(f"Building the bento of {request.target}")
            tag = bentos.build(Path(request.target), request.bento_arguments, trust.environment, progress)
        bento = bentos.find(tag)
        name = resource_name(request.name or bento.name)
        image = destination.image(name, bento.version)
        progress(f"Building the image {image} of {bento.tag} with {builder.name}")
        containerize(ImageOrder(bento, image, builder, trust, request.base_image), progress)
        progress(f"Pushing {image}")
        digest = registry.push(
            image, destination, builder, trust, insecure=request.insecure_registry, progress=progress
        )
    pinned = f"{image.rpartition(':')[0]}@{digest}"
    if request.output is not None:
        manifest.write(request.output, name, pinned, bento)
        progress(f"Wrote {request.output}")
    return PushResult(pinned, digest, bento.tag, request.output)
