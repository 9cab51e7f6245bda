"""Which source a rollout gets, and what one that is not set up says."""

import pytest

from ekiben.api.model import Runtime
from ekiben.api.rollout import EvidenceSource
from ekiben.operator.metrics import Metrics
from ekiben.operator.settings import Settings, SettingsError
from ekiben.operator.sources import Sources
from ekiben.signals.counters import Trouble
from ekiben.signals.source import ScrapeTarget

TARGET = ScrapeTarget("a", "iris-1", "shop", "10.0.0.1", 3000, "r1")
FULL = {"prometheus_url": "http://prometheus:9090", "gateway_proxy_namespace": "envoy-gateway-system"}


async def opened(wanted: EvidenceSource, **settings):
    sources = Sources(Settings(**settings), None, Metrics(), in_cluster=True)
    source = sources.open(wanted, lambda: None, ("a", "b"))
    return sources, source


@pytest.mark.parametrize(
    ("settings", "wanted", "kind"),
    [
        ({}, "auto", "DirectSource"),
        ({"evidence_source": "prometheus", **FULL}, "auto", "PrometheusSource"),
        ({"evidence_source": "prometheus", **FULL}, "pods", "DirectSource"),
        (FULL, "prometheus", "PrometheusSource"),
        (FULL, "gateway", "GatewaySource"),
        ({}, "gateway", "Missing"),
        ({}, "prometheus", "Missing"),
    ],
)
async def test_the_source_that_is_asked_for(settings, wanted, kind):
    sources, source = await opened(EvidenceSource(wanted), **settings)
    inner = source._inner
    while hasattr(inner, "_inner"):
        inner = inner._inner
    assert type(inner).__name__ == kind
    await source.close()
    await sources.close()


@pytest.mark.parametrize(
    ("wanted", "setting"), [("gateway", "GATEWAY_PROXY_NAMESPACE"), ("prometheus", "PROMETHEUS_URL")]
)
async def test_one_that_is_not_set_up_says_what_to_do(wanted, setting):
    _, source = await opened(EvidenceSource(wanted))
    got = (await source.read([TARGET], 1))["a"]
    assert got.trouble is Trouble.SOURCE_DOWN
    assert f"EKIBEN_{setting}" in str(got)
    assert not source.histograms(Runtime.BENTOML)


def test_settings_that_cannot_be_used_are_refused():
    for bad in ({"gateway_cluster": "{pod}"}, {"gateway_proxy_selector": "a={0}"}, {"prometheus_pod_label": 'a="b'}):
        with pytest.raises(SettingsError, match="cannot be used"):
            Settings.load({}, **bad)
    with pytest.raises(ValueError, match="not the URL"):
        Sources(Settings(prometheus_url="prometheus"), None, Metrics(), in_cluster=True)
