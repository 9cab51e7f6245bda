"""When the operator's image is built again."""

import shutil

import pytest

from charts import generate
from ekiben.localcluster import operator_image as image

ROOT = generate.CHART.parent.parent


@pytest.fixture
def checkout(tmp_path):
    """Return a folder with what the image is made of."""
    (tmp_path / "operator/ekiben").mkdir(parents=True)
    for name in ("operator/Containerfile", "operator/build-requirements.txt", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/operator.txt").write_text("a==1\n")
    (tmp_path / "operator/ekiben/__init__.py").write_text("")
    return tmp_path


def test_the_same_sources_make_the_same_image(checkout):
    before = image._digest(checkout, "base")
    (checkout / "operator/ekiben/__pycache__").mkdir()
    (checkout / "operator/ekiben/__pycache__/x.pyc").write_text("")
    (checkout / "docs").mkdir()
    assert image._digest(checkout, "base") == before


@pytest.mark.parametrize("path", ["operator/ekiben/new.py", "requirements/operator.txt", "operator/Containerfile"])
def test_a_change_makes_another_image(checkout, path):
    before = image._digest(checkout, "base")
    (checkout / path).write_text("changed")
    assert image._digest(checkout, "base") != before


def test_another_base_makes_another_image(checkout):
    assert image._digest(checkout, "base") != image._digest(checkout, "other")


def test_without_a_checkout_the_message_says_so(tmp_path):
    with pytest.raises(image.ImageBuildError, match="from a checkout"):
        image._digest(tmp_path, "base")


def test_the_context_is_complete_and_no_more(checkout, tmp_path_factory):
    (checkout / ".env").write_text("SECRET=1")
    context = tmp_path_factory.mktemp("context")
    image._copy_context(checkout, context)
    assert (context / "operator/ekiben/__init__.py").exists()
    assert not (context / ".env").exists()


def test_the_containerfile_keeps_index_and_ca_out_of_the_image():
    text = (ROOT / "operator/Containerfile").read_text()
    assert "--require-hashes" in text
    assert "USER 65532:65532" in text
    assert not [line for line in text.splitlines() if line.startswith(("ARG", "ENV")) and "PIP" in line]
