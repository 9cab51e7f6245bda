"""The short form of `python -m bench.switches`."""

import asyncio

import pytest
from bench.switches.__main__ import Switches
from tests.e2e.conftest import Namespace

from ekiben.cli.demo import stage

pytestmark = pytest.mark.e2e


def test_a_promotion_and_an_abort_by_command_lose_no_request(
    namespace: Namespace, images: dict[str, stage.Packed]
) -> None:
    report = asyncio.run(Switches(namespace.cluster, images["v1"].image, namespace.name).run(1, 1, 50.0))
    assert report.lost == [], report.text()
