"""The operator's settings: environment variables EKIBEN_…, and flags of the same names."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_PREFIX = "EKIBEN_"
Name = Annotated[str, Field(pattern=_NAME, max_length=253)]
Namespaces = Annotated[str, Field(pattern=r"^[-a-z0-9*]{1,63}$")]
Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=128)]
Domain = Annotated[str, Field(pattern=r"^([*]|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$", max_length=253)]


class SettingsError(Exception):
    """A setting cannot be used; the message names the variable, its value and what would be right."""


class Settings(BaseModel):
    """Every field has a default that suits `helm install` without values."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    gateway_name: Name = "ekiben"
    """Gateway that models attach to where spec.traffic.parentRefs names none."""
    gateway_namespace: Name = "ekiben-gateway"
    """Namespace of that Gateway."""
    domain: Name = "ekiben.localhost"
    """A model's hostname is NAME.NAMESPACE.DOMAIN where spec.traffic.hostnames names none."""
    hostnames: Mapping[Namespaces, tuple[Domain, ...]] = {}
    """Which hostnames a namespace may claim outside of the domain, as JSON: {"shop": ["shop.example.com"], "team-*":
    ["models.example.com"], "admin": ["*"]}. Empty: any, as far as the Gateway's listeners let it."""
    public_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port in status.url, where callers reach the gateway by another port than its listener's; 0 is the listener's."""
    namespaces: tuple[Name, ...] = ()
    """Namespaces to serve, separated by commas; all of them by default."""
    scrape: Literal["auto", "direct", "proxy"] = "auto"
    """How counters are read from pods: `direct` by pod IP, `proxy` through the API server (with the right to
    `get pods/proxy`, which the in-cluster role never has), `auto` direct in a cluster and proxy outside."""
    evidence_source: Literal["pods", "prometheus", "gateway"] = "pods"
    """Where the evidence of a rollout comes from where spec.rollout.analysis.source says `auto`."""
    prometheus_url: str = ""
    """A Prometheus server, such as http://prometheus.monitoring:9090; empty where there is none to ask."""
    prometheus_token_file: str = ""
    """File with a bearer token for it."""
    prometheus_ca_file: str = ""
    """File with the certificates of those who vouch for it; the system's by default."""
    prometheus_interval: Annotated[float, Field(ge=1, le=300)] = 30.0
    """Seconds between two of its scrapes of a pod; a block of evidence is four of them long."""
    prometheus_namespace_label: Label = "namespace"
    """Label that it gives the namespace of a pod."""
    prometheus_pod_label: Label = "pod"
    """Label that it gives the name of a pod."""
    queries_file: str = ""
    """File with the queries for business metrics that resources may refer to by name."""
    gateway_proxy_namespace: Name | Literal[""] = ""
    """Namespace of the gateway's proxies, such as envoy-gateway-system; empty where they are not to be asked."""
    gateway_proxy_selector: Annotated[str, Field(min_length=1, max_length=512)] = (
        "gateway.envoyproxy.io/owning-gateway-name={name},gateway.envoyproxy.io/owning-gateway-namespace={namespace}"
    )
    """Labels of the proxies of the Gateway {namespace}/{name}."""
    gateway_proxy_port: Annotated[int, Field(ge=1, le=65535)] = 19001
    """Port of the proxies' statistics."""
    gateway_proxy_path: Annotated[str, Field(pattern=r"^(/[-A-Za-z0-9._~]+)+$")] = "/stats/prometheus"
    """Path of the proxies' statistics, in Envoy's names."""
    gateway_cluster: Annotated[str, Field(min_length=1, max_length=512)] = "httproute/{namespace}/{route}/rule/{rule}"
    """How the proxies name upstreams: of a rule of a route by {namespace}, {route} and {rule}, as Envoy Gateway does,
    or of a Service by {namespace}, {service} and {port}."""
    tick: Annotated[float, Field(ge=0.2, le=60)] = 1.0
    """Seconds between two looks at the pods' counters while a canary has traffic."""
    tick_many_pods: Annotated[float, Field(ge=0.2, le=60)] = 5.0
    """The same above 50 pods, so that scraping stays a small part of their work."""
    keda_triggers: tuple[Annotated[str, Field(pattern=r"^[a-z][-a-z0-9]{0,62}$")], ...] = ()
    """Types of KEDA's triggers that spec.scaling.keda may name, separated by commas, such as cron; none by default. A
    trigger may ask any address that its author writes: list only types for which that does not matter."""
    freeze: Annotated[str, Field(max_length=500)] = ""
    """Why nothing may move, such as "change freeze until 2 January": while it is set, no rollout begins or goes on, and
    traffic stays as it is. Empty: not frozen."""
    activator: Name | Literal[""] = ""
    """Deployment of the activators, which hold requests of models with minReplicas 0; empty where there is none."""
    activator_namespace: Name | Literal[""] = ""
    """Its namespace; the operator's own by default."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 8
    """Resources that are worked on at once; each by one worker at a time."""
    resync: Annotated[float, Field(ge=10, le=86400)] = 600.0
    """Seconds after which a resource is looked at although nothing happened: a watch may have missed something."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /metrics, /livez and /readyz; 0 takes a free one. (EKIBEN_PORT would be what Kubernetes sets in pods
    beside a Service named ekiben.)"""
    address: str = ""
    """Address to listen on; all in a cluster, 127.0.0.1 outside by default."""
    lease_name: Name = "ekiben-operator"
    """Lease that decides which of several operators acts."""
    lease_namespace: str = ""
    """Its namespace; by default the operator's own, outside of a cluster that of a lease that is already there, or
    else the first of `namespaces`, or `default`."""
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or text for people."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is logged."""

    @field_validator("hostnames", mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        try:
            return json.loads(value or "{}") if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"it is no JSON ({error})") from error

    @field_validator("gateway_proxy_selector", "gateway_cluster")
    @classmethod
    def _fits(cls, value: str, info: ValidationInfo) -> str:
        known = {"gateway_proxy_selector": ("namespace", "name")}.get(
            info.field_name or "", ("namespace", "route", "rule", "service", "port")
        )
        try:
            value.format(**dict.fromkeys(known, ""))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ValueError(f"only {', '.join(f'{{{one}}}' for one in known)} may stand in braces") from error
        return value

    @field_validator("namespaces", "keda_triggers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @classmethod
    def load(cls, environ: Mapping[str, str], **flags: Any) -> Settings:
        """Read the environment; flags that are not None and not empty go before it.

        Raises:
            SettingsError: a value cannot be used, or a variable is almost the name of a setting (a typing error would
                silently leave the default in place; other EKIBEN_ variables may be anybody's).
        """
        given = {key: value for key, value in environ.items() if key.startswith(_PREFIX)}
        values: dict[str, Any] = {}
        for variable, value in given.items():
            field = variable.removeprefix(_PREFIX).lower()
            if field not in cls.model_fields:
                _refuse_typing_error(field, variable, cls.model_fields)
                continue
            values[field] = value
        values |= {key: value for key, value in flags.items() if value not in (None, (), "")}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0])
            variable = _PREFIX + field.upper()
            why = first["msg"].removeprefix("Input ")
            meaning = " ".join((cls.model_fields[field].description or "").split())
            raise SettingsError(f"{variable}={first['input']!r} cannot be used: {why}. It means: {meaning}") from error


def _refuse_typing_error(field: str, variable: str, known: Collection[str]) -> None:
    meant = get_close_matches(field, known, n=1, cutoff=0.85)
    if meant:
        raise SettingsError(f"{variable} is not a setting of ekiben: did you mean {_PREFIX}{meant[0].upper()}?")
