"""`make demo` calls this command: all four outcomes, no lost request."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ekiben.cli.demo import stage

pytestmark = pytest.mark.e2e


def test_the_demo_ends_as_it_should(cluster: object, tmp_path: Path) -> None:
    figures, chart = tmp_path / "demo.json", tmp_path / "demo.png"
    command = [sys.executable, "-c", "from ekiben.cli.main import main; main()", "demo"]
    result = subprocess.run(
        [*command, "--json", str(figures), "--picture", str(chart)],
        cwd=stage.source_root(),
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    sys.stdout.write(result.stdout)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-3000:]
    told = json.loads(figures.read_text())
    assert told["requestsLost"] == 0
    assert [act["reached"] for act in told["acts"]] == [True] * 4
    assert chart.read_bytes().startswith(b"\x89PNG")
