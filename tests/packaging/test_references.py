from __future__ import annotations

import pytest

from ekiben.packaging.errors import PackagingError
from ekiben.packaging.references import Registry, resource_name


@pytest.mark.parametrize(
    ("text", "image", "loopback"),
    [
        ("registry.example.com", "registry.example.com/iris:v1", False),
        ("registry.example.com/team/models/", "registry.example.com/team/models/iris:v1", False),
        ("localhost:5000", "localhost:5000/iris:v1", True),
        ("localhost.example.com:5000", "localhost.example.com:5000/iris:v1", False),
        ("127.0.0.1:5000/demo", "127.0.0.1:5000/demo/iris:v1", True),
        ("127.8.8.8", "127.8.8.8/iris:v1", True),
        ("[::1]:5000", "[::1]:5000/iris:v1", True),
        ("192.168.1.4:5000", "192.168.1.4:5000/iris:v1", False),
    ],
)
def test_a_registry(text, image, loopback):
    registry = Registry.parse(text)
    assert registry.image("iris", "v1") == image
    assert registry.is_loopback is loopback


NO_REGISTRIES = [
    "",
    "https://registry.example.com",
    "registry.example.com/Team",
    "a b",
    "-x",
    "host:port",
    "host/../x",
    "host --tls-verify=false",
]


@pytest.mark.parametrize("text", NO_REGISTRIES)
def test_what_is_no_registry(text):
    with pytest.raises(PackagingError, match=r"registry\.example\.com/team"):
        Registry.parse(text)


@pytest.mark.parametrize(("bento", "name"), [("iris", "iris"), ("Iris_Classifier", "iris-classifier"), ("a.b", "a-b")])
def test_a_name(bento, name):
    assert resource_name(bento) == name


@pytest.mark.parametrize("bento", ["", "0iris", "_", "x" * 64])
def test_what_gives_no_name(bento):
    with pytest.raises(PackagingError, match="--name"):
        resource_name(bento)
