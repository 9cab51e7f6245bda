"""What ekiben relies on of an API server, as tests: run against the one in memory, and against a real one.

tests/sim/test_semantics.py and tests/e2e/test_api_semantics.py give the fixture `api` and take the tests from here.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ClusterError, ConflictError, InvalidError, NotFoundError
from ekiben.cluster.kinds import Kind
from ekiben.objects import autoscaler, deployment, httproute, names, service
from ekiben.objects.compare import differs
from ekiben.objects.settings import Settings

from .schema import CONFIG_MAP, DISRUPTION_BUDGET

Json = dict[str, Any]
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


@dataclass
class Api:
    """An API server, a namespace of one's own in it, and what somebody other than ekiben does."""

    cluster: Cluster
    namespace: str
    collect: Callable[[], Awaitable[None]]
    """Let the garbage collector have its turn."""

    async def send(
        self,
        method: str,
        kind: Kind,
        name: str | None,
        body: Any = None,
        *,
        content_type: str = "application/json",
        subresource: str = "",
        manager: str = "somebody",
        **query: str,
    ) -> Json:
        path = kind.path(self.namespace, name, subresource)
        what = f"{method} {path}"
        return await self.cluster._call(method, path, {"fieldManager": manager, **query}, body, content_type, 10, what)

    async def apply_as(self, manager: str, kind: Kind, body: Json, *, force: bool = False) -> Json:
        name = body["metadata"]["name"]
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **body}
        query = {"force": "true"} if force else {}
        return await self.send("PATCH", kind, name, body, content_type=_APPLY, manager=manager, **query)

    async def merge_as(self, manager: str, kind: Kind, name: str, patch: Json, subresource: str = "") -> Json:
        return await self.send(
            "PATCH", kind, name, patch, content_type=_MERGE, manager=manager, subresource=subresource
        )

    async def get(self, kind: Kind, name: str) -> Json:
        return await self.cluster.get(kind, self.namespace, name)

    async def until_gone(self, kind: Kind, name: str) -> None:
        """Wait for the garbage collector."""
        for _ in range(600):
            if await self.cluster.find(kind, self.namespace, name) is None:
                return
            await self.collect()
        raise AssertionError(f"{kind.kind} {name} is still there")

    async def quiet(self, kind: Kind, name: str) -> Json:
        """Wait until controllers have written what they had to write about a new object."""
        found = await self.get(kind, name)
        for _ in range(100):
            before, unchanged = found, 0
            while unchanged < 3:
                await self.collect()
                found = await self.get(kind, name)
                if version(found) != version(before):
                    break
                unchanged += 1
            else:
                return found
        raise AssertionError(f"{kind.kind} {name} is written again and again")

    def body(self, kind: Kind, name: str, **fields: Any) -> Json:
        meta = {"name": name, "namespace": self.namespace, **fields.pop("metadata", {})}
        return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **fields}

    async def create(self, kind: Kind, name: str, **fields: Any) -> Json:
        return await self.cluster.create(kind, self.namespace, self.body(kind, name, **fields))


def resource(api: Api, name: str, **spec: Any) -> ModelDeployment:
    meta = {"name": name, "namespace": api.namespace, "uid": "11111111-2222-3333-4444-555555555555", "generation": 1}
    return ModelDeployment.parse({"metadata": meta, "spec": {"model": {"image": "registry.test/iris:v1"}, **spec}})


def version(body: Json) -> str:
    return str(body["metadata"]["resourceVersion"])


def generation(body: Json) -> int:
    return int(body["metadata"]["generation"])


def ports(body: Json) -> list[int]:
    return [port["port"] for port in body["spec"]["ports"]]


def owned(body: Json, manager: str, operation: str = "Apply") -> Json:
    """Return what managedFields say of a manager."""
    found = body["metadata"].get("managedFields") or []
    mine = [one for one in found if one["manager"] == manager and one["operation"] == operation]
    return next((one["fieldsV1"] for one in mine if not one.get("subresource")), {})


ROUTE = {"parentRefs": [{"name": "nobodys"}], "rules": [{"backendRefs": [{"name": "a", "port": 80}]}]}
SERVICE = {"selector": {"app": "a"}, "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]}
ZERO_PODS = {
    "replicas": 0,
    "selector": {"matchLabels": {"app": "a"}},
    "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}},
}


def told(*reasons: str) -> Json:
    """Return the status of a route, one parent for each reason."""
    return {
        "parents": [
            {
                "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": reason.lower()},
                "controllerName": "sim.example.com/nobody",
                "conditions": [
                    {
                        "type": "Accepted",
                        "status": "True",
                        "reason": reason,
                        "message": "",
                        "lastTransitionTime": "2026-01-01T00:00:00Z",
                    }
                ],
            }
            for reason in reasons
        ]
    }


# Optimistic concurrency


async def test_create_makes_identity_and_refuses_a_second_one(api: Api) -> None:
    made = await api.create(CONFIG_MAP, "one", data={"a": "1"})
    assert made["metadata"]["uid"]
    assert version(made)
    assert made["metadata"]["creationTimestamp"].endswith("Z")
    with pytest.raises(ConflictError) as error:
        await api.create(CONFIG_MAP, "one", data={"a": "2"})
    assert error.value.code == 409
    assert "already exists" in error.value.message


async def test_create_refuses_a_resource_version(api: Api) -> None:
    with pytest.raises(ClusterError, match="should not be set"):
        await api.create(CONFIG_MAP, "versioned", metadata={"resourceVersion": "5"})


async def test_create_in_a_namespace_that_is_not_there_is_not_found(api: Api) -> None:
    body = {"metadata": {"name": "lost", "namespace": "no-such-namespace"}}
    with pytest.raises(NotFoundError, match="namespaces"):
        await api.cluster.create(CONFIG_MAP, "no-such-namespace", body)


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    with pytest.raises(NotFoundError):
        await api.get(CONFIG_MAP, "absent")
    assert await api.cluster.find(CONFIG_MAP, api.namespace, "absent") is None
    with pytest.raises(NotFoundError):
        await api.cluster.replace(CONFIG_MAP, api.namespace, api.body(CONFIG_MAP, "absent"))
    with pytest.raises(NotFoundError):
        await api.merge_as("somebody", CONFIG_MAP, "absent", {"data": {"a": "1"}})
    await api.cluster.delete(CONFIG_MAP, api.namespace, "absent", "some-uid")  # gone already is no error


async def test_a_kind_that_is_not_installed_is_not_found(api: Api) -> None:
    with pytest.raises(NotFoundError):
        await api.cluster.list(Kind("nobody.example.com", "v1", "Nothing", "nothings"), api.namespace)
    assert await api.cluster.serves(kinds.DEPLOYMENT)
    assert await api.cluster.serves(kinds.SERVICE)
    assert not await api.cluster.serves(Kind("nobody.example.com", "v1", "Nothing", "nothings"))
    assert not await api.cluster.serves(Kind("apps", "v1", "Nothing", "nothings"))


async def test_every_write_has_a_higher_version_and_a_write_that_changes_nothing_has_none(api: Api) -> None:
    made = await api.create(CONFIG_MAP, "rising", data={"a": "1"})
    changed = await api.merge_as("somebody", CONFIG_MAP, "rising", {"data": {"a": "2"}})
    assert int(version(changed)) > int(version(made))
    same = await api.merge_as("somebody", CONFIG_MAP, "rising", {"data": {"a": "2"}})
    assert version(same) == version(changed)
    again = await api.cluster.replace(CONFIG_MAP, api.namespace, copy.deepcopy(same))
    assert version(again) == version(changed)


async def test_a_write_over_an_older_version_is_a_conflict(api: Api) -> None:
    old = await api.create(CONFIG_MAP, "contested", data={"a": "1"})
    await api.merge_as("somebody", CONFIG_MAP, "contested", {"data": {"a": "2"}})
    with pytest.raises(ConflictError):
        await api.cluster.replace(CONFIG_MAP, api.namespace, {**old, "data": {"a": "3"}})
    stale = {"metadata": {"resourceVersion": version(old)}, "data": {"a": "3"}}
    with pytest.raises(ConflictError):
        await api.merge_as("somebody", CONFIG_MAP, "contested", stale)
    assert (await api.get(CONFIG_MAP, "contested"))["data"] == {"a": "2"}


async def test_a_write_over_another_uid_is_a_conflict(api: Api) -> None:
    made = await api.create(CONFIG_MAP, "impostor", data={"a": "1"})
    meta = {**made["metadata"], "uid": "11111111-2222-3333-4444-555555555555"}
    with pytest.raises(ConflictError):
        await api.cluster.replace(CONFIG_MAP, api.namespace, {**made, "metadata": meta, "data": {"a": "2"}})


async def test_a_custom_resource_is_updated_only_with_a_version(api: Api) -> None:
    made = await api.create(kinds.HTTP_ROUTE, "unversioned", spec=ROUTE)
    del made["metadata"]["resourceVersion"]
    with pytest.raises(InvalidError, match="resourceVersion"):
        await api.cluster.replace(kinds.HTTP_ROUTE, api.namespace, made)


async def test_delete_takes_exactly_the_object_that_was_read(api: Api) -> None:
    made = await api.create(CONFIG_MAP, "doomed")
    with pytest.raises(ConflictError):
        await api.cluster.delete(CONFIG_MAP, api.namespace, "doomed", "11111111-2222-3333-4444-555555555555")
    body = {"preconditions": {"resourceVersion": "1"}}
    with pytest.raises(ConflictError):
        await api.send("DELETE", CONFIG_MAP, "doomed", body)
    await api.cluster.delete(CONFIG_MAP, api.namespace, "doomed", made["metadata"]["uid"])
    assert await api.cluster.find(CONFIG_MAP, api.namespace, "doomed") is None
    again = await api.create(CONFIG_MAP, "doomed")
    assert again["metadata"]["uid"] != made["metadata"]["uid"]


async def test_what_is_read_is_a_copy(api: Api) -> None:
    await api.create(CONFIG_MAP, "shared", data={"a": "1"})
    one = await api.get(CONFIG_MAP, "shared")
    one["data"]["a"] = "2"
    assert (await api.get(CONFIG_MAP, "shared"))["data"] == {"a": "1"}


# Patches


async def test_a_merge_patch_sets_removes_and_leaves_alone(api: Api) -> None:
    await api.create(CONFIG_MAP, "merged", data={"a": "1", "b": "2"})
    found = await api.merge_as("somebody", CONFIG_MAP, "merged", {"data": {"a": None, "c": "3"}})
    assert found["data"] == {"b": "2", "c": "3"}


async def test_a_merge_patch_replaces_lists(api: Api) -> None:
    await api.create(kinds.SERVICE, "listed", spec=SERVICE)
    more = [*SERVICE["ports"], {"name": "admin", "port": 81, "protocol": "TCP"}]
    found = await api.merge_as("somebody", kinds.SERVICE, "listed", {"spec": {"ports": more}})
    assert ports(found) == [80, 81]
    found = await api.merge_as("somebody", kinds.SERVICE, "listed", {"spec": {"ports": more[1:]}})
    assert ports(found) == [81]


async def test_a_json_patch_is_all_or_nothing_and_tests_first(api: Api) -> None:
    made = await api.create(CONFIG_MAP, "patched", data={"a": "1"})
    right = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version(made)},
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "2"},
        {"op": "add", "path": "/data/b", "value": "3"},
    ]
    found = await api.send("PATCH", CONFIG_MAP, "patched", right, content_type=_JSON_PATCH)
    assert found["data"] == {"a": "2", "b": "3"}
    with pytest.raises(InvalidError):  # both tests fail by now
        await api.send("PATCH", CONFIG_MAP, "patched", right, content_type=_JSON_PATCH)
    wrong = [{"op": "replace", "path": "/data/a", "value": "9"}, {"op": "test", "path": "/data/b", "value": "9"}]
    with pytest.raises(InvalidError):
        await api.send("PATCH", CONFIG_MAP, "patched", wrong, content_type=_JSON_PATCH)
    missing = [{"op": "remove", "path": "/data/z"}]
    with pytest.raises(InvalidError):
        await api.send("PATCH", CONFIG_MAP, "patched", missing, content_type=_JSON_PATCH)
    assert (await api.get(CONFIG_MAP, "patched"))["data"] == {"a": "2", "b": "3"}


async def test_a_json_patch_reaches_into_the_rules_of_a_route(api: Api) -> None:
    rules = [{"backendRefs": [{"name": "a", "port": 80, "weight": 100}, {"name": "b", "port": 80, "weight": 0}]}]
    made = await api.create(kinds.HTTP_ROUTE, "weighted", spec={"parentRefs": [{"name": "none"}], "rules": rules})
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version(made)},
        {"op": "test", "path": "/spec/rules/0/backendRefs/1/name", "value": "b"},
        {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 95},
        {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 5},
    ]
    found = await api.send("PATCH", kinds.HTTP_ROUTE, "weighted", patch, content_type=_JSON_PATCH)
    assert [one["weight"] for one in found["spec"]["rules"][0]["backendRefs"]] == [95, 5]
    assert generation(found) == generation(made) + 1


# Generation and subresources


@pytest.mark.parametrize("kind", [kinds.HTTP_ROUTE, DISRUPTION_BUDGET], ids=lambda kind: kind.kind)
async def test_the_generation_counts_changes_of_the_spec_alone(api: Api, kind: Kind) -> None:
    if kind is DISRUPTION_BUDGET:
        spec, change = {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}}, {"spec": {"maxUnavailable": 2}}
    else:
        spec, change = ROUTE, {"spec": {"hostnames": ["b.example.com"]}}
    made = await api.create(kind, "counted", spec=spec)
    assert generation(made) == 1
    for meta in ({"labels": {"a": "b"}}, {"annotations": {"a": "b"}}):
        assert generation(await api.merge_as("somebody", kind, "counted", {"metadata": meta})) == 1
    for _ in range(2):
        assert generation(await api.merge_as("somebody", kind, "counted", change)) == 2


async def test_of_a_deployment_the_generation_counts_annotations_too(api: Api) -> None:
    await api.create(kinds.DEPLOYMENT, "counted", spec={**ZERO_PODS, "paused": True})
    made = await api.quiet(kinds.DEPLOYMENT, "counted")
    labelled = await api.merge_as("somebody", kinds.DEPLOYMENT, "counted", {"metadata": {"labels": {"a": "b"}}})
    assert generation(labelled) == generation(made)
    noted = await api.merge_as("somebody", kinds.DEPLOYMENT, "counted", {"metadata": {"annotations": {"a": "b"}}})
    assert generation(noted) == generation(made) + 1


async def test_the_status_and_the_rest_are_written_apart(api: Api) -> None:
    made = await api.create(kinds.HTTP_ROUTE, "apart", spec=ROUTE, status=told("Pending"))
    assert "status" not in made
    both = copy.deepcopy(made)
    both["spec"]["hostnames"] = ["b.example.com"]
    both["metadata"]["labels"] = {"a": "b"}
    both["status"] = told("Pending")
    written = await api.cluster.replace(kinds.HTTP_ROUTE, api.namespace, both, "status")
    assert written["status"] == told("Pending")
    assert "hostnames" not in written["spec"]
    assert "labels" not in written["metadata"]
    assert generation(written) == 1
    assert int(version(written)) > int(version(made))
    written["spec"]["hostnames"] = ["b.example.com"]
    written["status"] = told("Stable")
    edited = await api.cluster.replace(kinds.HTTP_ROUTE, api.namespace, written)
    assert edited["status"] == told("Pending")
    assert edited["spec"]["hostnames"] == ["b.example.com"]
    assert generation(edited) == 2


async def test_the_status_is_replaced_as_a_whole_over_the_version_that_was_read(api: Api) -> None:
    made = await api.create(kinds.HTTP_ROUTE, "whole-status", spec=ROUTE)

    async def write(over: Json, status: Json) -> Json:
        return await api.cluster.replace(kinds.HTTP_ROUTE, api.namespace, {**over, "status": status}, "status")

    first = await write(made, told("One", "Two"))
    with pytest.raises(ConflictError):
        await write(made, told("Two"))
    second = await write(first, told("Two"))
    assert second["status"] == told("Two")
    assert version(await write(second, told("Two"))) == version(second)


async def test_replicas_are_scaled_over_the_version_that_was_read(api: Api) -> None:
    await api.create(kinds.DEPLOYMENT, "scaled", spec={**ZERO_PODS, "paused": True})
    made = await api.quiet(kinds.DEPLOYMENT, "scaled")
    scale = await api.cluster.scale(kinds.DEPLOYMENT, api.namespace, "scaled", 3, version(made))
    assert scale["spec"]["replicas"] == 3
    live = await api.get(kinds.DEPLOYMENT, "scaled")
    assert live["spec"]["replicas"] == 3
    assert generation(live) == generation(made) + 1
    with pytest.raises(ConflictError):
        await api.cluster.scale(kinds.DEPLOYMENT, api.namespace, "scaled", 2, version(made))
    assert (await api.get(kinds.DEPLOYMENT, "scaled"))["spec"]["replicas"] == 3
    found = await api.merge_as("somebody", kinds.DEPLOYMENT, "scaled", {"spec": {"replicas": 0}}, "scale")
    assert found["kind"] == "Scale"
    assert "replicas" not in found["spec"], "a Scale leaves zero out"
    assert (await api.get(kinds.DEPLOYMENT, "scaled"))["spec"]["replicas"] == 0


# Server-side apply


async def test_apply_makes_an_object_and_a_second_time_changes_nothing(api: Api) -> None:
    made = await api.cluster.apply(kinds.SERVICE, api.namespace, api.body(kinds.SERVICE, "applied", spec=SERVICE))
    assert made["spec"]["selector"] == {"app": "a"}
    again = await api.cluster.apply(kinds.SERVICE, api.namespace, api.body(kinds.SERVICE, "applied", spec=SERVICE))
    assert version(again) == version(made)


async def test_apply_over_an_older_version_is_a_conflict(api: Api) -> None:
    body = api.body(kinds.SERVICE, "guarded", spec=SERVICE)
    made = await api.cluster.apply(kinds.SERVICE, api.namespace, body)
    await api.merge_as("somebody", kinds.SERVICE, "guarded", {"metadata": {"labels": {"x": "y"}}})
    other = {**body, "spec": {**SERVICE, "selector": {"app": "b"}}}
    with pytest.raises(ConflictError):
        await api.cluster.apply(kinds.SERVICE, api.namespace, other, version(made))
    live = await api.get(kinds.SERVICE, "guarded")
    assert live["spec"]["selector"] == {"app": "a"}
    found = await api.cluster.apply(kinds.SERVICE, api.namespace, other, version(live))
    assert found["spec"]["selector"] == {"app": "b"}


async def test_apply_makes_an_object_that_is_gone_again_although_it_names_a_version(api: Api) -> None:
    """Deleted after it was read: what ekiben applies then comes back, and the version protects only what is there."""
    await api.cluster.apply(kinds.SERVICE, api.namespace, api.body(kinds.SERVICE, "gone", spec=SERVICE), "12345")
    assert await api.get(kinds.SERVICE, "gone")


async def test_apply_leaves_the_fields_of_others_alone(api: Api) -> None:
    body = api.body(kinds.SERVICE, "foreign", metadata={"labels": {"mine": "1"}}, spec=SERVICE)
    await api.cluster.apply(kinds.SERVICE, api.namespace, body)
    theirs = {"metadata": {"labels": {"theirs": "1"}, "annotations": {"note": "x"}}}
    await api.merge_as("somebody", kinds.SERVICE, "foreign", theirs)
    body["metadata"]["labels"] = {"other": "2"}
    found = await api.cluster.apply(kinds.SERVICE, api.namespace, body)
    assert found["metadata"]["labels"] == {"theirs": "1", "other": "2"}, "mine was given up, theirs is theirs"
    assert found["metadata"]["annotations"] == {"note": "x"}


async def test_apply_takes_a_field_from_another_manager_only_by_force(api: Api) -> None:
    await api.apply_as("first", kinds.SERVICE, api.body(kinds.SERVICE, "forced", spec=SERVICE))
    other = api.body(kinds.SERVICE, "forced", spec={"selector": {"app": "b"}})
    with pytest.raises(ConflictError, match=r"selector"):
        await api.apply_as("second", kinds.SERVICE, other)
    found = await api.apply_as("second", kinds.SERVICE, other, force=True)
    assert found["spec"]["selector"] == {"app": "b"}
    assert "f:selector" not in owned(found, "first")["f:spec"]
    assert "f:selector" in owned(found, "second")["f:spec"]
    assert ports(found) == [80]


async def test_a_field_that_two_have_applied_stays_until_both_give_it_up(api: Api) -> None:
    one = api.body(kinds.SERVICE, "both", metadata={"labels": {"shared": "1"}}, spec=SERVICE)
    await api.apply_as("first", kinds.SERVICE, one)
    two = api.body(kinds.SERVICE, "both", metadata={"labels": {"shared": "1"}})
    await api.apply_as("second", kinds.SERVICE, two)
    without = api.body(kinds.SERVICE, "both", metadata={"labels": {"own": "1"}}, spec=SERVICE)
    assert (await api.apply_as("first", kinds.SERVICE, without))["metadata"]["labels"] == {"shared": "1", "own": "1"}
    gone = await api.apply_as("second", kinds.SERVICE, api.body(kinds.SERVICE, "both"))
    assert gone["metadata"]["labels"] == {"own": "1"}


async def test_a_field_that_is_given_up_goes_back_to_its_default(api: Api) -> None:
    spec = {**ZERO_PODS, "revisionHistoryLimit": 0}
    await api.apply_as("ekiben", kinds.DEPLOYMENT, api.body(kinds.DEPLOYMENT, "given-up", spec=spec))
    found = await api.apply_as("ekiben", kinds.DEPLOYMENT, api.body(kinds.DEPLOYMENT, "given-up", spec=ZERO_PODS))
    assert found["spec"]["revisionHistoryLimit"] == 10


async def test_what_was_created_is_not_given_up_by_an_apply_that_leaves_it_out(api: Api) -> None:
    """A Deployment is created with its replicas; a later apply without them must not take them away."""
    await api.create(kinds.DEPLOYMENT, "kept", spec={**ZERO_PODS, "paused": True})
    await api.merge_as("hpa", kinds.DEPLOYMENT, "kept", {"spec": {"replicas": 4}}, "scale")
    labels = api.body(kinds.DEPLOYMENT, "kept", metadata={"labels": {"a": "b"}})
    found = await api.cluster.apply(kinds.DEPLOYMENT, api.namespace, labels)
    assert found["spec"]["replicas"] == 4
    found = await api.cluster.apply(kinds.DEPLOYMENT, api.namespace, api.body(kinds.DEPLOYMENT, "kept"))
    assert found["spec"]["replicas"] == 4
    assert "labels" not in found["metadata"]


async def test_an_apply_with_replicas_that_later_leaves_them_out_falls_to_the_default(api: Api) -> None:
    """Why replicas are never in an applied Deployment."""
    body = api.body(kinds.DEPLOYMENT, "fallen", spec={**ZERO_PODS, "replicas": 3, "paused": True})
    await api.cluster.apply(kinds.DEPLOYMENT, api.namespace, body)
    del body["spec"]["replicas"]
    found = await api.cluster.apply(kinds.DEPLOYMENT, api.namespace, body)
    assert found["spec"]["replicas"] == 1


async def test_lists_with_keys_are_merged_item_by_item(api: Api) -> None:
    body = api.body(kinds.SERVICE, "keyed", spec=SERVICE)
    await api.cluster.apply(kinds.SERVICE, api.namespace, body)
    admin = api.body(kinds.SERVICE, "keyed", spec={"ports": [{"name": "admin", "port": 81, "protocol": "TCP"}]})
    found = await api.apply_as("somebody", kinds.SERVICE, admin)
    assert sorted(ports(found)) == [80, 81]
    moved = {**SERVICE, "ports": [{"name": "http", "port": 82, "targetPort": "http", "protocol": "TCP"}]}
    body["spec"] = moved
    found = await api.cluster.apply(kinds.SERVICE, api.namespace, body)
    assert sorted(ports(found)) == [81, 82]


async def test_a_selector_is_replaced_as_a_whole(api: Api) -> None:
    await api.cluster.apply(kinds.SERVICE, api.namespace, api.body(kinds.SERVICE, "atomic", spec=SERVICE))
    other = {**SERVICE, "selector": {"track": "b"}}
    found = await api.cluster.apply(kinds.SERVICE, api.namespace, api.body(kinds.SERVICE, "atomic", spec=other))
    assert found["spec"]["selector"] == {"track": "b"}


async def test_the_rules_of_a_route_are_replaced_as_a_whole(api: Api) -> None:
    def route(*backends: str) -> Json:
        rules = [{"backendRefs": [{"name": name, "port": 80} for name in backends]}]
        return api.body(kinds.HTTP_ROUTE, "whole", spec={"parentRefs": [{"name": "none"}], "rules": rules})

    await api.cluster.apply(kinds.HTTP_ROUTE, api.namespace, route("a", "b"))
    found = await api.cluster.apply(kinds.HTTP_ROUTE, api.namespace, route("c"))
    assert [one["name"] for one in found["spec"]["rules"][0]["backendRefs"]] == ["c"]
    assert found["spec"]["rules"][0]["backendRefs"][0]["weight"] == 1, "the default of a custom resource"
    assert generation(found) == 2


async def test_what_an_update_changes_belongs_to_whoever_wrote_it(api: Api) -> None:
    await api.cluster.apply(kinds.SERVICE, api.namespace, api.body(kinds.SERVICE, "taken", spec=SERVICE))
    await api.merge_as("somebody", kinds.SERVICE, "taken", {"spec": {"selector": {"app": "b"}}})
    found = await api.get(kinds.SERVICE, "taken")
    assert "f:selector" not in owned(found, "ekiben")["f:spec"]
    assert "f:selector" in owned(found, "somebody", "Update")["f:spec"]
    found = await api.cluster.apply(kinds.SERVICE, api.namespace, api.body(kinds.SERVICE, "taken", spec=SERVICE))
    assert found["spec"]["selector"] == {"app": "a"}, "ekiben applies by force"


async def test_managed_fields_name_what_was_applied(api: Api) -> None:
    body = api.body(kinds.SERVICE, "named", metadata={"labels": {"a": "b"}}, spec=SERVICE)
    made = await api.cluster.apply(kinds.SERVICE, api.namespace, body)
    port = {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}
    assert owned(made, "ekiben") == {
        "f:metadata": {"f:labels": {"f:a": {}}},
        "f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': port}, "f:selector": {}},
    }


# Lists


async def test_lists_are_selected_by_labels_and_fields(api: Api) -> None:
    for name, labels in (("l-1", {"set": "l", "a": "1"}), ("l-2", {"set": "l", "a": "2"}), ("l-3", {"set": "l"})):
        await api.create(CONFIG_MAP, name, metadata={"labels": labels})

    async def found(labels: str, fields: str = "") -> list[str]:
        return [one["metadata"]["name"] for one in await api.cluster.list(CONFIG_MAP, api.namespace, labels, fields)]

    assert await found("set=l") == ["l-1", "l-2", "l-3"]
    assert await found("set=l,a=1") == ["l-1"]
    assert await found("set=l,a") == ["l-1", "l-2"]
    assert await found("set=l,!a") == ["l-3"]
    assert await found("set=l,a!=1") == ["l-2", "l-3"]
    assert await found("set=l,a in (2,3)") == ["l-2"]
    assert await found("set=l,a notin (2,3)") == ["l-1", "l-3"]
    assert await found("set=l", "metadata.name=l-2") == ["l-2"]
    assert await found("set=nobody") == []


async def test_long_lists_come_in_pages(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        await api.create(CONFIG_MAP, f"p-{number}", metadata={"labels": {"set": "p"}})
    monkeypatch.setattr("ekiben.cluster.api._PAGE", 2)
    found = await api.cluster.list(CONFIG_MAP, api.namespace, "set=p")
    assert [one["metadata"]["name"] for one in found] == [f"p-{number}" for number in range(5)]
    assert {one["kind"] for one in found} == {"ConfigMap"}, "the items of a list do not say it themselves"


async def test_what_belongs_to_nobody_any_more_is_collected(api: Api) -> None:
    owner = await api.create(CONFIG_MAP, "owner")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    reference |= {"controller": True, "blockOwnerDeletion": False}
    await api.create(CONFIG_MAP, "owned", metadata={"ownerReferences": [reference]})
    await api.create(CONFIG_MAP, "nobodys")
    await api.cluster.delete(CONFIG_MAP, api.namespace, "owner", owner["metadata"]["uid"])
    await api.until_gone(CONFIG_MAP, "owned")
    assert await api.get(CONFIG_MAP, "nobodys")


# What ekiben renders comes back as it was written


def _rendered(one: ModelDeployment) -> list[tuple[Kind, Json]]:
    revision, settings = names.revision_of(one.spec.model), Settings(gateway_name="nobodys")
    return [
        (kinds.SERVICE, service.render(one, revision)),
        (kinds.SERVICE, service.render_stable(one, revision)),
        (kinds.AUTOSCALER, autoscaler.render(one, revision, 2, 5)),
        (kinds.HTTP_ROUTE, httproute.render(one, settings, ((revision, 95), ("bcdfghjk", 5)))),
    ]


def _unowned(body: Json) -> Json:
    """Without its owner, which is nowhere in the cluster: it would be collected."""
    return {**body, "metadata": {key: value for key, value in body["metadata"].items() if key != "ownerReferences"}}


async def test_what_was_rendered_and_applied_does_not_differ_from_what_is_read(api: Api) -> None:
    traffic = {"hostnames": ["iris.example.com"], "path": "/models/iris", "timeout": "90s"}
    one = resource(api, "rendered", traffic=traffic, scaling={"minReplicas": 1, "maxReplicas": 3})
    for kind, rendered in _rendered(one):
        desired = _unowned(rendered)
        made = await api.cluster.apply(kind, api.namespace, desired)
        assert differs(desired, made) == []
        again = await api.cluster.apply(kind, api.namespace, desired)
        assert version(again) == version(made), f"{kind.kind}: to apply the same again is no change"


async def test_a_deployment_that_was_rendered_and_created_does_not_differ_from_what_is_read(api: Api) -> None:
    requests, env = {"cpu": "0.5"}, [{"name": "A", "value": "b"}]
    model = {"image": "registry.test/iris:v1", "resources": {"requests": requests}, "env": env}
    one = resource(api, "whole-pod", model=model)
    desired = _unowned(deployment.render(one, names.revision_of(one.spec.model), 1, model, 0))
    made = await api.cluster.create(kinds.DEPLOYMENT, api.namespace, desired)
    assert differs(desired, made) == []
