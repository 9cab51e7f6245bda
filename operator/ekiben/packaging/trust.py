"""What a company's network asks of a build: its certificates and its package index.

buildah and podman show files to a build without putting them into the image: certificates, and the settings of
pip and uv. Credentials of an index therefore are in no layer and in no history of the image. They stand in a
netrc file of their own, and never in a URL, because BentoML writes the index's URL into a bento's requirements.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from ekiben.packaging.errors import PackagingError

_ONE_WORD = re.compile(r"[^\s\"'\\\x00-\x1f\x7f]+")
_CERTIFICATES_INSIDE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Trust:
    """Files for the length of one push."""

    environment: dict[str, str] = field(default_factory=dict)
    """For tools that run on this machine."""
    mounts: tuple[tuple[Path, str], ...] = ()
    """(file here, its place in the build)."""
    registry_certificates: Path | None = None
    """A folder in the form that buildah and podman take by --cert-dir."""


@contextmanager
def prepare(ca_bundle: Path | None, index_url: str | None) -> Iterator[Trust]:
    """Write the files into a folder that only this user can read, and remove it afterwards."""
    if ca_bundle is not None and not ca_bundle.is_file():
        raise PackagingError(f"--ca-bundle {ca_bundle} is not a file. Give a PEM file of certificates.")
    index = _index(index_url) if index_url else None
    with tempfile.TemporaryDirectory(prefix="ekiben-push-") as name:
        folder = Path(name)
        yield Trust(
            environment=_environment(folder, ca_bundle, index),
            mounts=tuple(_mounts(folder, ca_bundle, index)),
            registry_certificates=_certificate_folder(folder, ca_bundle),
        )


@dataclass(frozen=True, slots=True)
class _Index:
    url: str
    host: str
    user: str | None
    password: str | None


def _index(url: str) -> _Index:
    parts = urlsplit(url)
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    # What cannot be written into a line of pip.conf, uv.toml or netrc would become something else there.
    clean = all(_ONE_WORD.fullmatch(text) for text in (url, user, password) if text is not None)
    if parts.scheme not in ("https", "http") or not parts.hostname or not clean:
        raise PackagingError(
            "--index-url must be the http(s) URL of a package index, such as https://host/simple/, and neither it nor "
            "the credentials in it may hold spaces, quotes or backslashes."
        )
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return _Index(url=bare, host=parts.hostname, user=user, password=password)


def _environment(folder: Path, ca_bundle: Path | None, index: _Index | None) -> dict[str, str]:
    environment: dict[str, str] = {}
    if ca_bundle is not None:
        path = str(ca_bundle.resolve())
        environment |= {"SSL_CERT_FILE": path, "PIP_CERT": path, "REQUESTS_CA_BUNDLE": path, "UV_NATIVE_TLS": "true"}
    if index is not None:
        environment |= {"PIP_INDEX_URL": index.url, "UV_DEFAULT_INDEX": index.url}
        if index.user:
            netrc = folder / "netrc"
            netrc.touch(mode=0o600)
            netrc.write_text(f"machine {index.host} login {index.user} password {index.password or ''}\n")
            environment["NETRC"] = str(netrc)
    return environment


def _mounts(folder: Path, ca_bundle: Path | None, index: _Index | None) -> Iterator[tuple[Path, str]]:
    # A cache inside the image would only make it larger.
    uv, pip = ["no-cache = true"], ["[global]", "no-cache-dir = true"]
    if ca_bundle is not None:
        uv.append("native-tls = true")
        pip.append(f"cert = {_CERTIFICATES_INSIDE}")
        yield ca_bundle.resolve(), _CERTIFICATES_INSIDE
    if index is not None:
        uv.append(f'index-url = "{index.url}"')
        pip.append(f"index-url = {index.url}")
        if index.user:
            yield folder / "netrc", "/root/.netrc"
    for name, lines, inside in (("uv.toml", uv, "/etc/uv/uv.toml"), ("pip.conf", pip, "/etc/pip.conf")):
        path = folder / name
        path.write_text("\n".join(lines) + "\n")
        yield path, inside


def _certificate_folder(folder: Path, ca_bundle: Path | None) -> Path | None:
    if ca_bundle is None:
        return None
    certificates = folder / "certificates"
    certificates.mkdir()
    shutil.copyfile(ca_bundle, certificates / "ca.crt")
    return certificates
