"""Past data, judged again."""

from itertools import pairwise

import pytest

from ekiben.analysis import Config
from ekiben.api.model import Runtime
from ekiben.signals.counters import PodCounters
from ekiben.signals.prometheus_api import Series
from ekiben.signals.replay import Recorded, Weight, download, inferred, looks, revision_of

CANARY, STABLE = "iris-bbbbbbbb-7f4484-c1", "iris-22222222-58747d-s1"
BOUNDS = (0.1, 1.0)


def pod(begin, end, rate, errors, interval=15):
    """Counters of a pod from `begin` to `end`, at so many requests and failures a second."""
    found = []
    for at in range(begin, end + 1, interval):
        passed = at - begin
        failed = round(errors * passed)
        fine = round(rate * passed) - failed
        found.append(PodCounters(fine + failed, failed, (fine, 0, 0), BOUNDS, at=float(at)))
    return found


def recorded(errors=0.0):
    return Recorded(15.0, {STABLE: pod(0, 3600, 9.0, 0.09), CANARY: pod(900, 3600, 1.0, errors)})


def replayed(data, weights=None):
    weights = weights if weights is not None else [Weight(960.0, 10)]
    return list(looks(data, Config(), weights, canary="bbbbbbbb", stable="22222222", timeout=60.0))


def test_a_bad_revision_would_have_been_convicted():
    found = replayed(recorded(errors=0.2))
    first = next(one for one in found if one.evidence.verdict == "Regressed")
    assert 960 < first.at < 1600
    assert found[-1].evidence.verdict == "Regressed"
    assert first.evidence.metrics[0].canary_events > 0


def test_a_good_one_would_have_passed():
    found = replayed(recorded(errors=0.01))
    assert {one.evidence.verdict for one in found} <= {"Unknown", "NotWorse"}
    assert found[-1].evidence.verdict == "NotWorse"
    assert {one.evidence.problem for one in found if one.at < 3500} == {""}


def test_nothing_counts_before_there_was_weight():
    found = replayed(recorded(errors=0.2), [Weight(1500.0, 10)])
    assert all(not one.evidence.metrics for one in found if one.at < 1500)
    assert found[-1].evidence.verdict == "Regressed"


def test_with_all_requests_nothing_is_judged():
    # The stable revision still answers callers of its own, which are others than the canary's.
    found = replayed(recorded(errors=0.2), [Weight(960.0, 0), Weight(1000.0, 100)])
    assert {one.evidence.verdict for one in found} == {"Unknown"}
    assert found[-1].weight == 100
    assert found[-1].evidence.metrics[0].canary_events > 0


def test_looks_are_four_scrapes_apart():
    found = replayed(recorded())
    assert {round(b.at - a.at) for a, b in pairwise(found)} == {60}


def test_a_share_that_nobody_wrote_down_is_what_the_canary_got():
    weights = inferred(recorded(), "bbbbbbbb", "22222222")
    assert weights[0].at == pytest.approx(915, abs=16)
    assert weights[0].percent == pytest.approx(10, abs=0.2)
    assert weights[1].percent == 0


@pytest.mark.parametrize(("inferred", "problem"), [(False, "NotRandomised"), (True, "")])
def test_only_a_share_that_was_written_down_is_compared_with_the_requests(inferred, problem):
    found = replayed(recorded(), [Weight(960.0, 30, inferred)])
    assert next(one for one in found if one.at > 3000).evidence.problem == problem


def test_revisions_are_read_from_the_names_of_pods():
    assert revision_of(CANARY) == "bbbbbbbb"
    assert revision_of("iris-0") == ""
    assert list(recorded().revisions()) == ["22222222", "bbbbbbbb"]


async def test_samples_are_asked_for_in_slices_and_put_together():
    asked = []

    class Api:
        async def samples(self, query, at):
            asked.append((query, at))
            labels = {"namespace": "shop", "pod": CANARY, "job": "pods", "endpoint": "/predict", "runner_name": "Iris"}
            total = {"__name__": "bentoml_service_request_total", "http_response_code": "200", **labels}
            return [
                Series(total, ((at - 30, at - 30), (at, at))),
                Series({"__name__": "up", **labels}, ((at - 30, 1.0), (at, 1.0))),
            ]

    got = await download(Api(), "iris", "shop", Runtime.BENTOML, 0.0, 2000.0, 30.0)
    assert [at for _, at in asked] == [900.0, 1800.0, 2000.0]
    assert asked[0][0].endswith('namespace="shop",pod=~"iris-([a-z0-9]{8})-[a-z0-9]+-[a-z0-9]+"}[900000ms]')
    assert asked[2][0].endswith("[200000ms]")
    assert [one.requests for one in got.pods[CANARY]] == [870, 900, 1770, 1800, 1970, 2000]


async def test_a_revision_of_another_model_server_is_read_by_its_names():
    class Api:
        async def samples(self, query, at):
            assert "bentoml_service_request_total" in query
            assert "nv_inference_request_success" in query
            triton = {"__name__": "nv_inference_request_success", "namespace": "shop", "pod": CANARY, "model": "m"}
            bento = {"__name__": "bentoml_service_request_total", "pod": STABLE, "http_response_code": "200"}
            return [Series(triton, ((at, 5.0),)), Series(bento | {"runner_name": "Iris"}, ((at, 7.0),))]

    got = await download(Api(), "iris", "shop", Runtime.BENTOML, 0.0, 60.0, 30.0, None, {"bbbbbbbb": Runtime.TRITON})
    assert (got.pods[CANARY][0].requests, got.pods[STABLE][0].requests) == (5, 7)
