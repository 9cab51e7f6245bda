"""POST /predict, as a client sees it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}

VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}
SHORT_SEPAL = {"sepal_length": 4.4, "sepal_width": 2.9, "petal_length": 1.4, "petal_width": 0.2}


@pytest.fixture(scope="module")
def v2(serve):
    return serve("v2")


def test_one_flower(v2):
    answered = v2.ask("/predict", SETOSA)
    assert answered.status == 200
    [prediction] = answered.json
    assert prediction["species"] == "setosa"
    assert prediction["model_version"] == v2.model_version
    assert set(prediction["probabilities"]) == {"setosa", "versicolor", "virginica"}
    assert sum(prediction["probabilities"].values()) == pytest.approx(1)
    assert max(prediction["probabilities"], key=prediction["probabilities"].get) == "setosa"


def test_a_list_is_answered_in_its_order(v2):
    species = [one["species"] for one in v2.ask("/predict", [VIRGINICA, SETOSA, VIRGINICA]).json]
    assert species == ["virginica", "setosa", "virginica"]


def test_lists_that_meet_in_a_batch_keep_apart(v2):
    # Larger together than a batch may be, so that BentoML has to cut one of them in two.
    lists = [[SETOSA] * 60, [VIRGINICA] * 70, [SETOSA] * 100, [VIRGINICA]] * 4
    with ThreadPoolExecutor(len(lists)) as clients:
        for flowers, answered in zip(lists, clients.map(lambda body: v2.ask("/predict", body), lists), strict=True):
            assert answered.status == 200, answered.text
            assert len(answered.json) == len(flowers)
            assert {one["species"] for one in answered.json} == {"setosa" if flowers[0] is SETOSA else "virginica"}


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"sepal_length": -5.1}, "greater_than"),
        ({"sepal_width": 0}, "greater_than"),
        ({"petal_length": 140}, "less_than_equal"),
        ({"petal_width": "0.2"}, "float_type"),
        ({"petal_width": None}, "float_type"),
        ({"petal_width": True}, "float_type"),
        ({"colour": "blue"}, "extra_forbidden"),
    ],
)
def test_a_wrong_measurement_is_named(v2, wrong, kind):
    answered = v2.ask("/predict", [SETOSA, SETOSA | wrong])
    assert answered.status == 400
    [detail] = answered.json["detail"]
    assert detail["type"] == kind
    assert detail["loc"] == [1, *wrong]


@pytest.mark.parametrize("missing", list(SETOSA))
def test_a_missing_measurement_is_named(v2, missing):
    answered = v2.ask("/predict", {name: value for name, value in SETOSA.items() if name != missing})
    assert answered.status == 400
    assert [(detail["type"], detail["loc"]) for detail in answered.json["detail"]] == [("missing", [0, missing])]


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", b"[]", b"5", b'"setosa"', b"[1]", b'{"sepal_length": NaN}', b"\xff\xfe", b"[" * 5000]
)
def test_nonsense_is_the_callers_fault(v2, body):
    answered = v2.ask("/predict", raw=body)
    assert answered.status == 400
    assert answered.json["detail"]


def test_too_many_flowers_are_refused(v2):
    answered = v2.ask("/predict", [SETOSA] * 101)
    assert answered.status == 400
    assert answered.json["detail"][0]["type"] == "too_long"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/predict", SETOSA, 200),
        ("/predict", {}, 400),
        ("/predict", None, 405),
        ("/nowhere", None, 404),
        ("/", None, 200),
    ],
)
def test_every_answer_of_the_model_says_its_version(v2, path, body, status):
    answered = v2.ask(path, body)
    assert answered.status == status
    assert answered.headers.get_all("x-model-version") == [v2.model_version]


def test_the_form_hides_no_other_path(v2):
    assert v2.ask("/livez").status == 200
    assert v2.ask("/readyz").status == 200
    assert "bentoml_service_request_total" in v2.ask("/metrics").text
    assert "<form" in v2.ask("/").text


def test_v3_fails_on_its_own_for_a_short_sepal_only(serve):
    v3 = serve("v3")
    assert v3.ask("/predict", SETOSA).status == 200
    broken = v3.ask("/predict", SHORT_SEPAL)
    assert broken.status == 500
    assert broken.headers["x-model-version"] == v3.model_version
    assert "Traceback" not in broken.text


def test_v4_is_right_and_slow_and_answers_many_at_once(serve, v2):
    v4 = serve("v4")
    started = time.monotonic()
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: v4.ask("/predict", VIRGINICA), range(8)))
    taken = time.monotonic() - started
    assert [answered.json[0]["species"] for answered in answers] == ["virginica"] * 8
    # A batch is added up in another order than a single flower: the last digits differ.
    alone = v2.ask("/predict", VIRGINICA).json[0]["probabilities"]
    assert answers[0].json[0]["probabilities"] == pytest.approx(alone, rel=1e-9)
    # One window to wait for, and one for whoever came while a batch was held; eight in turn would take 0.8 s.
    assert 0.1 <= taken < 0.7
