"""What each model server calls its counters, by pages of the form that they have."""

import pytest

from ekiben.api.model import Runtime
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.dialects import DIALECTS, Role, has_histogram
from ekiben.signals.page import parse

INFER = 'app_name="mlserver",method="POST",path="/v2/models/{model_name}/infer"'
PAGES = {
    Runtime.MLSERVER: f"""# TYPE rest_server_requests_total counter
rest_server_requests_total{{{INFER},status_code="200"}} 20.0
rest_server_requests_total{{{INFER},status_code="500"}} 3.0
rest_server_requests_total{{{INFER},status_code="422"}} 2.0
rest_server_requests_total{{method="GET",path="/v2/models/{{model_name}}/ready",status_code="200"}} 99.0
rest_server_requests_created{{{INFER},status_code="200"}} 1.7e+09
rest_server_request_duration_seconds_bucket{{le="0.01",{INFER},status_code="200"}} 15.0
rest_server_request_duration_seconds_bucket{{le="+Inf",{INFER},status_code="200"}} 20.0
rest_server_request_duration_seconds_bucket{{le="0.01",{INFER},status_code="500"}} 3.0
rest_server_request_duration_seconds_bucket{{le="+Inf",{INFER},status_code="500"}} 3.0
rest_server_requests_in_progress{{app_name="mlserver",method="POST"}} 4.0
model_infer_request_success_total{{model="tiny"}} 1000.0
""",
    Runtime.TRITON: """# TYPE nv_inference_request_success counter
nv_inference_request_success{model="a",version="1"} 20
nv_inference_request_success{model="b",version="1"} 2
nv_inference_request_failure{model="a",reason="BACKEND",version="1"} 2
nv_inference_request_failure{model="a",reason="REJECTED",version="1"} 1
nv_inference_request_duration_us{model="a",version="1"} 123456
nv_inference_pending_request_count{model="a",version="1"} 4
""",
    Runtime.TORCHSERVE: """# TYPE Requests2XX counter
Requests2XX{Level="Host",Hostname="iris-1",} 1000.0
Requests4XX{Level="Host",Hostname="iris-1",} 2.0
Requests5XX{Level="Host",Hostname="iris-1",} 3.0
ts_inference_requests_total{model_name="iris",model_version="default",hostname="iris-1",} 25.0
ts_inference_latency_microseconds{model_name="iris",model_version="default",hostname="iris-1",} 1.0
""",
    Runtime.TENSORFLOW_SERVING: """# TYPE :tensorflow:serving:request_count counter
:tensorflow:serving:request_count{model_name="iris",status="OK"} 20
:tensorflow:serving:request_count{model_name="iris",status="INVALID_ARGUMENT"} 2
:tensorflow:serving:request_count{model_name="iris",status="INTERNAL"} 2
:tensorflow:serving:request_count{model_name="iris",status="RESOURCE_EXHAUSTED"} 1
:tensorflow:serving:request_latency_bucket{model_name="iris",API="predict",entrypoint="REST",le="10000"} 15
:tensorflow:serving:request_latency_bucket{model_name="iris",API="predict",entrypoint="REST",le="+Inf"} 20
""",
    Runtime.HTTP: """# TYPE http_requests_total counter
http_requests_total{handler="/predict",method="POST",status="2xx"} 20.0
http_requests_total{handler="/predict",method="POST",status="5xx"} 3.0
http_requests_total{handler="/predict",method="POST",status="4xx"} 2.0
http_requests_total{handler="/healthz",method="GET",status="2xx"} 99.0
http_request_duration_seconds_bucket{handler="/predict",le="0.01",method="POST"} 15.0
http_request_duration_seconds_bucket{handler="/predict",le="+Inf",method="POST"} 20.0
http_requests_in_progress 4.0
""",
}
EXPECTED = {
    Runtime.MLSERVER: PodCounters(25, 3, (15, 5), (0.01,), 4, rejected=2),
    Runtime.TRITON: PodCounters(25, 3, in_flight=4),
    Runtime.TORCHSERVE: PodCounters(25, 3, rejected=2, in_flight_known=False),
    Runtime.TENSORFLOW_SERVING: PodCounters(25, 3, (15, 5), (0.01,), rejected=2, in_flight_known=False),
    Runtime.HTTP: PodCounters(25, 3, (15, 5), (0.01,), 4, rejected=2, in_flight_itself=True),
}
OTEL = """# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_count{http_route="/predict",http_response_status_code="200"} 20
http_server_request_duration_seconds_count{http_route="/predict",http_response_status_code="429"} 3
http_server_request_duration_seconds_count{http_route="/predict",http_response_status_code="404"} 2
http_server_request_duration_seconds_count{http_route="/livez",http_response_status_code="200"} 99
http_server_request_duration_seconds_bucket{http_route="/predict",http_response_status_code="200",le="0.01"} 15
http_server_request_duration_seconds_bucket{http_route="/predict",http_response_status_code="200",le="+Inf"} 20
http_server_request_duration_seconds_bucket{http_route="/predict",http_response_status_code="429",le="0.01"} 3
http_server_request_duration_seconds_bucket{http_route="/predict",http_response_status_code="429",le="+Inf"} 3
http_server_active_requests{http_request_method="POST"} 4
"""


@pytest.mark.parametrize("runtime", PAGES)
def test_requests_failures_refusals_and_latencies_are_told_apart(runtime):
    assert parse(PAGES[runtime].encode(), runtime) == EXPECTED[runtime]


def test_any_http_server_may_speak_as_opentelemetry_does():
    assert parse(OTEL.encode(), Runtime.HTTP) == EXPECTED[Runtime.HTTP]


@pytest.mark.parametrize("gauge", ["http_requests_in_progress", "http_requests_inprogress"])
def test_a_gauge_that_tells_paths_apart_leaves_the_reading_out(gauge):
    page = f"""# TYPE {gauge} gauge
{gauge}{{method="GET",path="/metrics"}} 1.0
{gauge}{{method="POST",path="/predict"}} 3.0
"""
    assert parse(page.encode(), Runtime.HTTP) == PodCounters(in_flight=3)
    assert parse(f"# TYPE {gauge} gauge\n{gauge} 1.0\n".encode(), Runtime.HTTP).in_flight_itself


def test_every_runtime_has_a_dialect_and_every_dialect_counts_requests():
    assert set(DIALECTS) == set(Runtime)
    for dialects in DIALECTS.values():
        for dialect in dialects:
            assert Role.REQUESTS in {family.role for family in dialect.families.values()}


def test_who_tells_latencies():
    silent = {runtime for runtime in Runtime if not has_histogram(runtime)}
    assert silent == {Runtime.TRITON, Runtime.TORCHSERVE}


@pytest.mark.parametrize("status", ["", "0", "abc", "6xx", "999", "SOMETHING"])
def test_a_status_that_is_none_is_a_typed_error(status):
    page = f'# TYPE x counter\nhttp_requests_total{{status="{status}"}} 1\n'.encode()
    with pytest.raises(MetricsError) as caught:
        parse(page, Runtime.HTTP)
    assert caught.value.trouble is Trouble.MALFORMED


def test_labels_that_prometheus_renamed_are_found():
    dialect = DIALECTS[Runtime.BENTOML][0]
    labels = {"endpoint": "http", "exported_endpoint": "/livez", "http_response_code": "200"}
    assert dialect.slot("bentoml_service_request_total", labels) is None
    assert dialect.slot("bentoml_service_request_total", {**labels, "exported_endpoint": "/predict"}) is not None
