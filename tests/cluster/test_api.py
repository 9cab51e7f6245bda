"""The gateway to the API server, against a small HTTP server."""

import json

import pytest
from aiohttp import web
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from ekiben.cluster import api, kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ClusterConfigError, ConflictError, InvalidError, UnavailableError


class Server:
    """Answers with what was laid out, in order; notes what was asked."""

    def __init__(self):
        self.answers = []
        self.asked = []
        self.url = ""
        self.logins = 0

    async def client(self):
        self.logins += 1
        configuration = Configuration(host=self.url)
        configuration.api_key["BearerToken"] = f"Bearer token-{self.logins}"
        return ApiClient(configuration)

    async def handle(self, request):
        text = await request.text()
        self.asked.append(
            (request.method, request.path_qs, request.headers.get("Content-Type"), json.loads(text) if text else None)
        )
        self.token = request.headers.get("Authorization")
        answer = self.answers.pop(0)
        if callable(answer):
            return answer(request)
        code, body = answer
        return web.json_response(body, status=code)


@pytest.fixture
async def server(monkeypatch):
    monkeypatch.setattr(api, "_BACKOFFS", (0.001, 0.001, 0.001))
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def cluster(server):
    counts = []
    cluster = await Cluster.connect(server, lambda *what: counts.append(what))
    cluster.counts = counts
    yield cluster
    await cluster.close()


async def test_an_overloaded_server_is_asked_again(server, cluster):
    server.answers = [(429, {}), (503, {}), (200, {"metadata": {"name": "a"}})]
    assert (await cluster.get(kinds.POD, "shop", "a"))["metadata"]["name"] == "a"
    assert cluster.counts == [("get", "Pod", 429), ("get", "Pod", 503), ("get", "Pod", 200)]


async def test_it_gives_up_after_four_attempts(server, cluster):
    server.answers = [(500, {"message": "etcd is away"})] * 4
    with pytest.raises(UnavailableError, match="etcd is away"):
        await cluster.get(kinds.POD, "shop", "a")
    assert server.answers == []


async def test_a_create_whose_answer_was_lost_is_not_repeated(server, cluster):
    server.answers = [(500, {})]
    with pytest.raises(UnavailableError):
        await cluster.create(kinds.SERVICE, "shop", {"metadata": {"name": "a"}})
    server.answers = [(429, {}), (201, {})]
    await cluster.create(kinds.SERVICE, "shop", {"metadata": {"name": "a"}})


async def test_a_conflict_is_never_repeated(server, cluster):
    server.answers = [(409, {"message": "the object has been modified"})]
    with pytest.raises(ConflictError):
        await cluster.scale(kinds.DEPLOYMENT, "shop", "a", 3, "17")
    method, path, content, body = server.asked[0]
    assert (method, content) == ("PATCH", "application/merge-patch+json")
    assert path == "/apis/apps/v1/namespaces/shop/deployments/a/scale?fieldManager=ekiben"
    assert body == {"metadata": {"resourceVersion": "17"}, "spec": {"replicas": 3}}


async def test_an_apply_is_a_server_side_apply_of_the_version_that_was_read(server, cluster):
    server.answers = [(200, {})]
    await cluster.apply(kinds.SERVICE, "shop", {"metadata": {"name": "a"}, "spec": {}}, "9")
    method, path, content, body = server.asked[0]
    assert (method, content) == ("PATCH", "application/apply-patch+yaml")
    assert path == "/api/v1/namespaces/shop/services/a?fieldManager=ekiben&force=true"
    assert body["metadata"]["resourceVersion"] == "9"


async def test_a_json_patch_that_does_not_fit_is_a_conflict(server, cluster):
    test = [{"op": "test", "path": "/metadata/resourceVersion", "value": "9"}]
    server.answers = [(422, {"message": "the server rejected our request due to an error in our request"})]
    with pytest.raises(ConflictError):
        await cluster.patch(kinds.HTTP_ROUTE, "shop", "a", test)
    method, path, content, body = server.asked[0]
    assert (method, content, body) == ("PATCH", "application/json-patch+json", test)
    assert path == "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/a?fieldManager=ekiben"


async def test_a_json_patch_whose_result_is_invalid_is_told(server, cluster):
    server.answers = [(422, {"message": 'HTTPRoute "a" is invalid: spec.rules: Too many'})]
    with pytest.raises(InvalidError, match="Too many"):
        await cluster.patch(kinds.HTTP_ROUTE, "shop", "a", [])


async def test_a_list_that_may_be_some_seconds_old_is_asked_for_whole_and_from_memory(server, cluster):
    server.answers = [(200, {"items": [{"metadata": {"name": "a"}}], "metadata": {}})]
    found = await cluster.list(kinds.POD, "shop", "app=a", cached=True)
    assert [item["metadata"]["name"] for item in found] == ["a"]
    assert server.asked[0][1] == "/api/v1/namespaces/shop/pods?resourceVersion=0&labelSelector=app%3Da"


async def test_a_long_list_comes_in_pages(server, cluster):
    server.answers = [
        (200, {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}),
        (200, {"metadata": {}, "items": [{"metadata": {"name": "b"}}]}),
    ]
    found = await cluster.list(kinds.DEPLOYMENT, "shop", "a=b")
    assert [(item["kind"], item["metadata"]["name"]) for item in found] == [("Deployment", "a"), ("Deployment", "b")]
    assert "labelSelector=a%3Db" in server.asked[0][1]
    assert "continue=more" in server.asked[1][1]


async def test_a_delete_names_the_object_that_was_read(server, cluster):
    server.answers = [(404, {})]
    await cluster.delete(kinds.SERVICE, "shop", "a", "uid-1")
    assert server.asked[0][3] == {"preconditions": {"uid": "uid-1"}, "propagationPolicy": "Background"}


async def test_credentials_that_expired_are_read_again_once(server, cluster):
    server.answers = [(401, {}), (200, {"metadata": {}})]
    await cluster.get(kinds.POD, "shop", "a")
    assert (server.logins, server.token) == (2, "Bearer token-2")
    server.answers = [(401, {"message": "Unauthorized"})] * 2
    with pytest.raises(ClusterConfigError, match="refused the credentials"):
        await cluster.get(kinds.POD, "shop", "a")


async def test_a_server_that_does_not_answer_is_told_by_address(server):
    server.url = "http://127.0.0.1:9"
    cluster = await Cluster.connect(server)
    with pytest.raises(UnavailableError, match=r"No answer from the API server at http://127\.0\.0\.1:9"):
        await cluster.version()
    await cluster.close()


async def test_whether_a_kind_is_served(server, cluster):
    server.answers = [(404, {}), (200, {"resources": [{"name": "gateways"}]})]
    assert not await cluster.serves(kinds.MODEL_DEPLOYMENT)
    assert await cluster.serves(kinds.GATEWAY)
