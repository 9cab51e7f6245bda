"""What HorizontalPodAutoscalers say of the load."""

from ekiben.operator.scale import used


def hpa(replicas, cpu=None, target=80, **conditions):
    """Return an autoscaler as Kubernetes shows it."""
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": target}}}]
    current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": cpu}}}]
    told = [{"type": kind, **fields} for kind, fields in conditions.items()]
    status = {"currentReplicas": replicas, "currentMetrics": current if cpu is not None else [], "conditions": told}
    return {"metadata": {"name": "a"}, "spec": {"metrics": metrics}, "status": status}


def test_the_load_is_what_all_revisions_use():
    total = used.total({"a": hpa(4, 60), "b": hpa(1, 80)}, ["a", "b"])
    assert total.replicas_for_all == 4
    assert [total.replicas("a", weight) for weight in (0, 1, 50, 100)] == [0, 1, 2, 4]
    assert total.replicas("a", 100, ahead=True) == 5


def test_what_one_revision_does_not_tell_nobody_knows():
    assert used.total({"a": hpa(4, 60), "b": hpa(1)}, ["a", "b"]) is None
    assert used.total({"a": hpa(4, 60)}, ["a", "b"]) is None
    assert used.total({}, []) is None


def test_an_autoscaler_that_cannot_work_says_why():
    broken = used.measured(
        hpa(2, ScalingActive={"status": "False", "reason": "FailedGetResourceMetric", "message": "x"})
    )
    assert (broken.problem, broken.reason, broken.message) == (True, "FailedGetResourceMetric", "x")
    fine = used.measured(hpa(2, 60))
    assert (fine.load, fine.capacity, fine.unit, fine.problem) == (60, 80, "% cpu", False)
    assert fine.message == "cpu 60 % of what is requested, the target is 80 %"
