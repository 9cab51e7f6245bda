"""A state folder goes as a whole, or it stays as a whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ekiben.localcluster.native.down import leftovers, remove_state
from ekiben.localcluster.native.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "cluster")
    (layout.data / "containerd").mkdir(parents=True)
    (layout.data / "applied").write_text("everything")
    return layout


def test_nothing_is_left(layout: Layout) -> None:
    remove_state(layout)
    assert list(layout.root.parent.iterdir()) == []
    remove_state(layout)  # again: nothing there is no error


def test_killed_while_it_deletes_no_part_is_where_up_looks(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, ignore_errors: bool) -> None:
        if path.exists():
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_state(layout)
    assert not layout.root.exists()
    assert str(layout.removing) in leftovers(layout)
    remove_state(layout)
    assert not layout.removing.exists()
