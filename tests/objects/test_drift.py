"""What others set on children is told in plain English; what belongs there is not."""

from tests.objects.test_fields import EDITED, RENDERED, live

from ekiben.objects.drift import drift


def test_fields_of_others_are_told_with_who_set_them():
    told = drift([(live(("ekiben", "", EDITED), ("kubectl-edit", "", EDITED)), RENDERED)])
    assert told == (
        "Deployment iris-bcdfghjk: kubectl-edit set spec.template.spec.affinity",
        "Deployment iris-bcdfghjk: kubectl-edit set spec.template.spec.containers[model].env[DEBUG]",
        "Deployment iris-bcdfghjk: kubectl-edit set spec.template.spec.tolerations",
    )


def test_what_belongs_there_is_no_drift():
    restarted = {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}
    expected = live(
        ("kube-controller-manager", "status", {"f:status": {}, "f:spec": {"f:paused": {}}}),
        ("kube-controller-manager", "scale", {"f:spec": {"f:replicas": {}}}),
        ("kubectl-scale", "", {"f:spec": {"f:replicas": {}}}),
        ("kubectl-rollout", "", {"f:spec": restarted}),
        ("argocd", "", {"f:metadata": {"f:annotations": {"f:argocd.argoproj.io/tracking-id": {}}}}),
    )
    assert drift([(expected, RENDERED)]) == ()
    assert drift([(expected, None)]) == ()


def test_a_written_rendering_is_told():
    written = live(("kubectl-edit", "", {"f:metadata": {"f:annotations": {"f:ekiben.dev/rendered": {}}}}))
    assert "they stay from now on" in drift([(written, RENDERED)])[0]


def test_what_is_told_is_bounded():
    many = {f"f:field{number}": {} for number in range(500)}
    told = drift([(live(("x" * 128, "", {"f:spec": many | {"f:" + "y" * 5000: {}}})), RENDERED)])
    assert len(told) == 50
    assert max(map(len, told)) <= 200
