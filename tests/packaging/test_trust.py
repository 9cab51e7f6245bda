from __future__ import annotations

import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

from ekiben.packaging.errors import PackagingError
from ekiben.packaging.trust import prepare

SECRET = "s3cr:t@"
URL = "https://me:s3cr%3At%40@index.example.com:8443/simple/"
BARE = "https://index.example.com:8443/simple/"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "company.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    return path


def inside(trust):
    return {place: here for here, place in trust.mounts}


def test_without_anything_only_caches_are_kept_out_of_the_image():
    with prepare(None, None) as trust:
        assert trust.environment == {}
        assert trust.registry_certificates is None
        assert tomllib.loads(inside(trust)["/etc/uv/uv.toml"].read_text()) == {"no-cache": True}


def test_a_bundle_is_trusted_by_build_and_push(bundle):
    with prepare(bundle, None) as trust:
        assert inside(trust)["/etc/ssl/certs/ca-certificates.crt"] == bundle
        assert tomllib.loads(inside(trust)["/etc/uv/uv.toml"].read_text())["native-tls"] is True
        assert "cert = /etc/ssl/certs/ca-certificates.crt" in inside(trust)["/etc/pip.conf"].read_text()
        assert trust.environment["SSL_CERT_FILE"] == str(bundle)
        assert [file.name for file in trust.registry_certificates.iterdir()] == ["ca.crt"]


def test_credentials_of_an_index_stand_in_netrc_alone():
    with prepare(None, URL) as trust:
        netrc = inside(trust)["/root/.netrc"]
        assert netrc.read_text() == f"machine index.example.com login me password {SECRET}\n"
        assert netrc.stat().st_mode & 0o077 == 0
        assert trust.environment["NETRC"] == str(netrc)
        settings = ConfigParser()
        settings.read(inside(trust)["/etc/pip.conf"])
        assert settings["global"]["index-url"] == BARE
        assert tomllib.loads(inside(trust)["/etc/uv/uv.toml"].read_text())["index-url"] == BARE
        visible = [*trust.environment.values(), *(here.read_text() for here, _ in trust.mounts if here != netrc)]
        assert not any("s3cr" in text for text in visible)
        folder = netrc.parent
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


@pytest.mark.parametrize("url", ["index.example.com", "file:///etc", "https://", "javascript:x"])
def test_what_is_no_index(url):
    with pytest.raises(PackagingError, match="--index-url"), prepare(None, url):
        pass


def test_a_bundle_that_is_not_there(tmp_path):
    with pytest.raises(PackagingError, match="PEM"), prepare(tmp_path / "none.pem", None):
        pass


@pytest.mark.parametrize("text", ["https://a\nb@host/", 'https://host/"x', "https://u:p%0Amachine@host/"])
def test_nothing_written_into_the_settings_leaves_its_line(text):
    with pytest.raises(PackagingError, match="--index-url"), prepare(None, text):
        pass
