"""The API server in memory does what a real one does: the same tests run on the local cluster."""

import pytest

pytest.register_assert_rewrite("tests.sim.semantics")

from tests.sim.apiserver import ApiServer  # noqa: E402
from tests.sim.client import SimCluster  # noqa: E402
from tests.sim.schema import NAMESPACE  # noqa: E402
from tests.sim.semantics import *  # noqa: E402, F403
from tests.sim.semantics import Api  # noqa: E402


@pytest.fixture
def api() -> Api:
    server = ApiServer(clock=lambda: "2026-01-01T00:00:00Z")
    server.put(NAMESPACE, {"metadata": {"name": "semantics"}})

    async def collect() -> None:
        for orphan in server.orphans():
            server.remove(*orphan)

    return Api(SimCluster(lambda _method: server), "semantics", collect)
