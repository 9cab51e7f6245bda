"""Why a route can be attached nowhere, and where the model is reached."""

import pytest

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.gateways import Gateways


def listener(protocol, port):
    return {"protocol": protocol, "port": port}


@pytest.mark.parametrize(
    ("listeners", "public", "traffic", "url"),
    [
        ([listener("HTTP", 80)], 0, {}, "http://iris.shop.ekiben.localhost/"),
        ([listener("HTTP", 8000)], 0, {}, "http://iris.shop.ekiben.localhost:8000/"),
        ([listener("HTTP", 80)], 18080, {}, "http://iris.shop.ekiben.localhost:18080/"),
        ([listener("HTTP", 80), listener("HTTPS", 443)], 0, {"hostnames": ["a.b"]}, "https://a.b/"),
        ([listener("HTTP", 80)], 0, {"hostnames": ["*.b"], "path": "/m"}, "http://any.b/m"),
    ],
)
async def test_the_url(world, listeners, public, traffic, url):
    gateway = world.cluster.objects["Gateway", "ekiben-gateway", "ekiben"]
    world.cluster.put(kinds.GATEWAY, {**gateway, "spec": {"listeners": listeners}})
    world.apply(traffic=traffic)
    seen = await Gateways(world.cluster, Rendering(), public).look(ModelDeployment.parse(world.resource))
    assert (seen.problem, seen.url) == ("", url)


async def problem(world):
    world.apply()
    return (await Gateways(world.cluster, Rendering(), 0).look(ModelDeployment.parse(world.resource))).problem


async def test_a_gateway_without_an_address(world):
    gateway = world.cluster.objects["Gateway", "ekiben-gateway", "ekiben"]
    conditions = [
        {"type": "Accepted", "status": "True"},
        {"type": "Programmed", "status": "False", "reason": "AddressNotAssigned", "message": "no address"},
    ]
    world.cluster.put(kinds.GATEWAY, {**gateway, "status": {"conditions": conditions}})
    assert await problem(world) == (
        "the Gateway ekiben-gateway/ekiben is not Programmed (AddressNotAssigned: no address)"
    )


async def test_a_gateway_that_nobody_looks_after(world):
    gateway = world.cluster.objects["Gateway", "ekiben-gateway", "ekiben"]
    world.cluster.put(kinds.GATEWAY, {**gateway, "status": {}})
    assert "its controller has not answered yet" in await problem(world)


async def test_no_gateway_api_at_all(world):
    world.cluster.drop(kinds.GATEWAY, "ekiben-gateway", "ekiben")

    async def serves(_kind):
        return False

    world.cluster.serves = serves
    assert "Gateway API is not installed" in await problem(world)


async def test_no_right_to_read_it(world):
    async def refused(*_):
        raise ForbiddenError("ekiben may not get gateways", 403)

    world.cluster.find = refused
    assert await problem(world) == "ekiben may not get gateways"
