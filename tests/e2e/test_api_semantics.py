"""What the simulation's API server is held to holds for a real one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

pytest.register_assert_rewrite("tests.sim.semantics")

from tests.e2e.conftest import Namespace  # noqa: E402
from tests.sim.semantics import *  # noqa: E402, F403
from tests.sim.semantics import Api  # noqa: E402

from ekiben.cluster.api import Cluster  # noqa: E402
from ekiben.cluster.connection import Source  # noqa: E402
from ekiben.localcluster.settings import ClusterInfo  # noqa: E402

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own(cluster: ClusterInfo) -> Iterator[str]:
    """A namespace without anything of ekiben: no operator may have a hand in it."""
    one = Namespace("e2e-api-semantics", cluster)
    one.kubectl("delete", "namespace", one.name, "--ignore-not-found", "--wait", "--timeout=120s")
    one.kubectl("create", "namespace", one.name)
    yield one.name
    one.kubectl("delete", "namespace", one.name, "--wait=false")


@pytest.fixture
async def api(cluster: ClusterInfo, own: str) -> AsyncIterator[Api]:
    gateway = await Cluster.connect(Source(str(cluster.kubeconfig), cluster.context))
    yield Api(gateway, own, partial(asyncio.sleep, 0.1))
    await gateway.close()
