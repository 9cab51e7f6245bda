"""Certificates of the cluster: two authorities, one certificate a component, made with openssl."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ekiben.localcluster.commands import run
from ekiben.localcluster.native.layout import API_IP, NODE, NODE_IP

_DAYS = "825"
_SERVER_NAMES = (
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,"
    f"DNS:localhost,IP:{API_IP},IP:127.0.0.1,IP:{NODE_IP}"
)


@dataclass(frozen=True)
class Certificate:
    """What a certificate says; `names` makes it a server's, otherwise it is a client's."""

    name: str
    subject: str
    authority: str = "ca"
    names: str = ""


CERTIFICATES = (
    Certificate("apiserver", "/CN=kube-apiserver", names=_SERVER_NAMES),
    Certificate("kubelet-server", f"/O=system:nodes/CN=system:node:{NODE}", names=f"DNS:{NODE},IP:{NODE_IP}"),
    Certificate("admin", "/O=system:masters/CN=ekiben-admin"),
    # All controllers share one identity that may do everything: thirty of their own cost seconds at every start.
    Certificate("controller-manager", "/O=system:masters/CN=system:kube-controller-manager"),
    Certificate("scheduler", "/CN=system:kube-scheduler"),
    Certificate("proxy", "/CN=system:kube-proxy"),
    Certificate("kubelet", f"/O=system:nodes/CN=system:node:{NODE}"),
    Certificate("apiserver-kubelet", "/O=system:masters/CN=apiserver-kubelet"),
    Certificate("front-proxy", "/CN=front-proxy-client", authority="front-proxy-ca"),
)
_CONFIG = "openssl.cnf"
_AUTHORITIES = ("ca", "front-proxy-ca")


def ensure(folder: Path) -> None:
    """Make keys and certificates unless a complete set is there; `folder` is readable by its owner only.

    Raises:
        ClusterError: openssl failed.
    """
    done = folder / "complete"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    (folder / _CONFIG).write_text("[req]\ndistinguished_name = dn\n[dn]\n")  # and none of the machine's defaults
    for name in _AUTHORITIES:
        authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        subject = ["-subj", f"/CN=ekiben {name}", "-out", f"{name}.crt"]
        _openssl(folder, ["req", "-x509", *_new_key(name), *subject, *authority])
    _openssl(folder, ["genrsa", "-out", "sa.key", "2048"])
    _openssl(folder, ["rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda certificate: _issue(folder, certificate), CERTIFICATES))
    done.touch()


def _issue(folder: Path, certificate: Certificate) -> None:
    usage = "serverAuth" if certificate.names else "clientAuth"
    extensions = [f"extendedKeyUsage={usage}", "basicConstraints=critical,CA:FALSE"]
    if certificate.names:
        extensions.append(f"subjectAltName={certificate.names}")
    authority = ["-CA", f"{certificate.authority}.crt", "-CAkey", f"{certificate.authority}.key"]
    options = [option for extension in extensions for option in ("-addext", extension)]
    subject = ["-subj", certificate.subject, "-out", f"{certificate.name}.crt"]
    _openssl(folder, ["req", "-x509", *_new_key(certificate.name), *authority, *subject, *options])


def _new_key(name: str) -> list[str]:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", f"{name}.key"]
    return ["-config", _CONFIG, *key, "-days", _DAYS]


def _openssl(folder: Path, arguments: Iterable[str]) -> None:
    run("certificates", ["openssl", *arguments], cwd=folder, advice="OpenSSL 3.0 or newer is needed.")
