"""`ekiben push`: from a bento to an image in a registry and a YAML file to apply."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from ekiben.packaging import PackagingError, PushRequest
from ekiben.packaging import push as push_bento
from ekiben.packaging.builders import BUILDERS


@click.command("push", short_help="Build a bento's image, push it and write modeldeployment.yaml.")
@click.argument("target", metavar="[PROJECT | BENTO_TAG]", default=".")
@click.option(
    "--registry",
    required=True,
    metavar="HOST[/FOLDER]",
    envvar="EKIBEN_REGISTRY",
    show_envvar=True,
    help="Where the image goes, such as registry.example.com/team.",
)
@click.option(
    "--builder",
    type=click.Choice([*BUILDERS, "auto"]),
    default="auto",
    show_default=True,
    help="The program that builds the image; auto takes the first that works.",
)
@click.option("--name", help="Name of the resource and of the image's repository.  [default: the bento's name]")
@click.option("--arg", "bento_arguments", multiple=True, metavar="KEY=VALUE", help="Passed to `bentoml build --arg`.")
@click.option("--base-image", metavar="IMAGE", help="What the image begins with, instead of what the bento names.")
@click.option(
    "--ca-bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="EKIBEN_CA_BUNDLE",
    show_envvar=True,
    help="PEM file of the certificates that the build and the push trust.",
)
@click.option(
    "--index-url",
    metavar="URL",
    envvar="EKIBEN_INDEX_URL",
    show_envvar=True,
    help="Package index of the build. Its credentials reach neither the image nor the bento; "
    "the environment variable keeps them out of your shell's history too.",
)
@click.option(
    "--insecure-registry", is_flag=True, help="Push without TLS. Not needed for a registry on this machine (localhost)."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("modeldeployment.yaml"),
    show_default=True,
    help="The resource to write, or to update: what you wrote in it stays.",
)
@click.option("--no-output", is_flag=True, help="Write no file, only print the image.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the image.")
def push(
    target: str,
    registry: str,
    builder: str,
    name: str | None,
    bento_arguments: tuple[str, ...],
    base_image: str | None,
    ca_bundle: Path | None,
    index_url: str | None,
    insecure_registry: bool,
    output: Path,
    no_output: bool,
    quiet: bool,
) -> None:
    """Build a bento's image, push it and write modeldeployment.yaml.

    PROJECT is a folder with a BentoML project (default: the current one), which is built with `bentoml build`.
    A BENTO_TAG, such as iris:latest, names a bento that is built already.

    The image's reference, by digest, is the only line on standard output.
    """
    request = PushRequest(
        target=target,
        registry=registry,
        builder=builder,
        name=name,
        ca_bundle=ca_bundle,
        base_image=base_image,
        index_url=index_url,
        insecure_registry=insecure_registry,
        bento_arguments=bento_arguments,
        output=None if no_output else output,
    )
    console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    started = time.monotonic()

    def show(line: str) -> None:
        console.print(f"{time.monotonic() - started:6.1f} s  {line}", markup=False)

    try:
        result = push_bento(request, show)
    except PackagingError as error:
        raise click.ClickException(str(error)) from error
    if result.modeldeployment is not None:
        show(f"Next: kubectl apply -f {result.modeldeployment}")
    click.echo(result.image)
