"""The example manifests, document by document."""

import pytest
import yaml

from charts import generate

_FOLDER = generate.CHART.parent.parent / "manifests/examples"
FILES = sorted(_FOLDER.glob("*.yaml"))
DOCUMENTS = [(path, body) for path in FILES for body in yaml.safe_load_all(path.read_text())]


def documents(kind=None):
    """Return the documents, of one kind where it is given, as parameters of a test."""
    return [
        pytest.param(body, id=f"{path.stem}-{body['metadata']['name']}")
        for path, body in DOCUMENTS
        if kind is None or body["kind"] == kind
    ]
