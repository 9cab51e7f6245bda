"""A bento's /metrics page, as large as one after a day of callers: several paths, several statuses."""

from __future__ import annotations

_BOUNDS = (
    "0.005",
    "0.01",
    "0.025",
    "0.05",
    "0.075",
    "0.1",
    "0.25",
    "0.5",
    "0.75",
    "1.0",
    "2.5",
    "5.0",
    "7.5",
    "10.0",
    "60.0",
    "180.0",
    "+Inf",
)
_PATHS = ("/predict", "/", "/livez", "/readyz", "/metrics", "/docs.json")
_CODES = ("200", "400", "404", "500")


def page(requests: int) -> bytes:
    """Return a page on which /predict has answered so many requests."""
    lines = []
    for path in _PATHS:
        common = f'endpoint="{path}",runner_name="Iris",service_name="iris",service_version="not available"'
        lines.append(f"bentoml_service_request_in_progress{{{common}}} 1.0")
        for code in _CODES:
            labels = f'{common},http_response_code="{code}"'
            lines.append(f"bentoml_service_request_total{{{labels}}} {requests}.0")
            for rank, bound in enumerate(_BOUNDS):
                value = requests * min(1.0, (rank + 1) / 8)
                lines.append(f'bentoml_service_request_duration_seconds_bucket{{{labels},le="{bound}"}} {value}')
            lines.append(f"bentoml_service_request_duration_seconds_sum{{{labels}}} {requests / 10}")
            lines.append(f"bentoml_service_request_duration_seconds_count{{{labels}}} {requests}.0")
    return ("# TYPE bentoml_service_request_total counter\n" + "\n".join(lines) + "\n").encode()
