"""The way to the activators: a Service without a selector, and slices beside Kubernetes' own."""

from tests.objects.resources import resource

from ekiben.objects import service, wake
from ekiben.objects.names import RESOURCE_LABEL, revision_from, wake_name


def test_the_service_selects_nothing_and_is_no_revisions():
    made = wake.render_service(resource())
    assert made["metadata"]["name"] == wake_name("iris") == "iris-wake"
    assert "selector" not in made["spec"]
    assert revision_from("iris", "iris-wake") is None


def test_slices_lead_both_services_to_the_port_of_the_model_by_family():
    slices = wake.render_slices(resource(), "iris", ["10.0.0.2", "fd00::1", "10.0.0.1", "10.0.0.1"], 20007)
    assert set(slices) == {"iris-activator-ipv4", "iris-activator-ipv6"}
    four = slices["iris-activator-ipv4"]
    assert four["addressType"] == "IPv4"
    assert [one["addresses"] for one in four["endpoints"]] == [["10.0.0.1"], ["10.0.0.2"]]
    assert four["metadata"]["namespace"] == "shop"
    assert four["metadata"]["labels"]["kubernetes.io/service-name"] == "iris"
    assert wake.listed(slices, "iris") == {("10.0.0.1", 20007), ("10.0.0.2", 20007), ("fd00::1", 20007)}
    assert wake.listed(slices, "iris-wake") == frozenset()


def test_the_port_has_the_name_of_the_services_so_that_both_kinds_of_slices_count():
    [slice_] = wake.render_slices(resource(), "iris", ["10.0.0.1"], 20007).values()
    [port] = service.render_stable(resource(), "bcdfghjk")["spec"]["ports"]
    assert slice_["ports"][0]["name"] == port["name"]


def test_kubernetes_own_controller_leaves_the_slices_alone():
    [slice_] = wake.render_slices(resource(), "iris", ["10.0.0.1"], 20007).values()
    assert wake.is_ours(slice_)
    assert slice_["metadata"]["labels"][wake.MANAGED_BY] != "endpointslice-controller.k8s.io"
    assert slice_["metadata"]["labels"][RESOURCE_LABEL] == "iris"
    assert not wake.is_ours({"metadata": {"labels": {wake.MANAGED_BY: "endpointslice-controller.k8s.io"}}})


def test_without_activators_there_is_no_slice():
    assert wake.render_slices(resource(), "iris", [], 20007) == {}
