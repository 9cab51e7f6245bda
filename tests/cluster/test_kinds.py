"""Paths of the API."""

from ekiben.cluster import kinds


def test_paths():
    assert kinds.POD.path("shop") == "/api/v1/namespaces/shop/pods"
    assert kinds.DEPLOYMENT.path("shop", "iris", "scale") == "/apis/apps/v1/namespaces/shop/deployments/iris/scale"
    assert kinds.LEASE.path() == "/apis/coordination.k8s.io/v1/leases"


def test_a_name_cannot_leave_its_place():
    path = kinds.POD.path("shop/../kube-system", "a?b=c/../../x")
    assert path == "/api/v1/namespaces/shop%2F..%2Fkube-system/pods/a%3Fb%3Dc%2F..%2F..%2Fx"
