"""Pods as the API server shows them."""

from ekiben.operator.pods import owner, parse_pod, still_runs


def test_a_crashing_pod():
    pod = {
        "metadata": {"name": "p"},
        "status": {
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [
                {
                    "restartCount": 4,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ],
        },
    }
    seen = parse_pod(pod)
    assert (seen.ready, seen.restarts, seen.waiting_reason) == (False, 4, "CrashLoopBackOff")
    assert (seen.last_exit_reason, seen.last_exit_code) == ("OOMKilled", 137)


def test_an_init_container_that_has_done_its_work_is_no_crash():
    pod = {
        "metadata": {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "initContainerStatuses": [{"state": {"terminated": {"reason": "Completed", "exitCode": 0}}}],
            "containerStatuses": [{"restartCount": 0, "state": {"running": {}}}],
        },
    }
    seen = parse_pod(pod)
    assert seen.ready
    assert seen.terminating
    assert seen.last_exit_code is None


def test_a_pod_that_finds_no_node():
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    pod = {"metadata": {"name": "p"}, "status": {"conditions": [unschedulable]}}
    assert parse_pod(pod).unschedulable == "0/1 nodes"


def test_an_evicted_pod_runs_no_longer():
    assert not still_runs({"status": {"phase": "Failed"}})
    assert still_runs({"status": {"phase": "Running"}})
    assert still_runs({})


def test_only_the_controller_is_the_owner():
    references = [{"kind": "ReplicaSet", "name": "a", "uid": "1"}]
    assert owner({"metadata": {"ownerReferences": references}}, "ReplicaSet") is None
    references[0]["controller"] = True
    assert owner({"metadata": {"ownerReferences": references}}, "ReplicaSet") == ("a", "1")
