"""A replica that is warmed up: its startup probe, and nothing else, differs."""

import pytest
from tests.objects.resources import IMAGE, resource
from tests.objects.test_pods import pod, violations

from ekiben.api.model import Model
from ekiben.objects import compare, deployment
from ekiben.objects.names import revision_of

WARM_UP = {"path": "/predict", "body": "[[5.1, 3.5, 1.4, 0.2]]"}


def test_only_the_startup_probe_differs():
    cold, warm = pod({}), pod({"warmUp": WARM_UP})
    assert violations(warm) == []
    probe = warm["spec"]["containers"][0].pop("startupProbe")
    cold["spec"]["containers"][0].pop("startupProbe")
    assert warm == cold
    assert probe["exec"]["command"][-6:] == ["3000", "/readyz", "/predict", "1", "30", WARM_UP["body"]]


@pytest.mark.parametrize(("times", "timeout", "seconds"), [(1, "30s", 65), (10, "2s", 27), (1, "100ms", 7)])
def test_there_is_time_for_all_requests(times, timeout, seconds):
    probe = pod({"warmUp": WARM_UP | {"times": times, "timeout": timeout}})["spec"]["containers"][0]["startupProbe"]
    assert probe["timeoutSeconds"] == seconds


def test_it_makes_a_revision_of_its_own_and_leaves_the_others_what_they_are():
    plain = Model.model_validate({"image": IMAGE})
    warmed = Model.model_validate({"image": IMAGE, "warmUp": WARM_UP})
    assert revision_of(plain) == revision_of(Model.model_validate({"image": IMAGE, "warmUp": None}))
    assert revision_of(plain) != revision_of(warmed)


def test_the_longest_request_fits_into_a_deployment():
    body = '"' + "x" * 16382 + '"'
    rendered = deployment.render(resource(), "bcdfghjk", 1, {"image": IMAGE, "warmUp": WARM_UP | {"body": body}}, 2)
    assert sum(len(text) for text in rendered["metadata"]["annotations"].values()) < 256 * 1024
    assert compare.differs(rendered, rendered) == []
