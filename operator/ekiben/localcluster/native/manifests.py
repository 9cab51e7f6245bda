"""What runs in the cluster before anything of the user's: DNS, resource metrics, the gateway. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from ekiben.localcluster.native.layout import DNS_IP, GATEWAY_IP
from ekiben.localcluster.settings import GATEWAY, GATEWAY_NAMESPACE

ENVOY_GATEWAY_NAMESPACE = "envoy-gateway-system"
GATEWAY_CLASS = "ekiben"
_SYSTEM = "kube-system"
# A small machine under load answers late: only what is silent for a minute is restarted, and only what is silent for
# half a minute loses its traffic.
_PATIENT_LIVENESS = {"timeoutSeconds": 10, "periodSeconds": 10, "failureThreshold": 6}
_PATIENT_READINESS = {"timeoutSeconds": 5, "periodSeconds": 1, "failureThreshold": 6}

_COREFILE = """.:53 {
    errors
    health {
        lameduck 1s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods verified
        ttl 5
    }
    prometheus :9153
    cache 5
}
"""


def namespaces() -> list[dict[str, Any]]:
    """Return the namespaces that the other objects live in."""
    names = (ENVOY_GATEWAY_NAMESPACE, GATEWAY_NAMESPACE)
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]


def coredns(image: str) -> list[dict[str, Any]]:
    """Return CoreDNS as clusters usually have it: Deployment and Service `kube-dns` at its fixed address.

    Names outside the cluster are refused at once: there is no way out.
    """
    labels = {"k8s-app": "kube-dns"}
    reads = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    container = {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"requests": {"cpu": "20m", "memory": "40Mi"}, "limits": {"memory": "170Mi"}},
        "ports": [
            {"containerPort": 53, "name": "dns", "protocol": "UDP"},
            {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"},
            {"containerPort": 9153, "name": "metrics", "protocol": "TCP"},
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, **_PATIENT_READINESS},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, **_PATIENT_LIVENESS},
        "securityContext": _restricted({"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}),
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    pod = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    ports = [
        {"name": "dns", "port": 53, "targetPort": "dns", "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "targetPort": "dns-tcp", "protocol": "TCP"},
        {"name": "metrics", "port": 9153, "targetPort": "metrics", "protocol": "TCP"},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"}
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": _SYSTEM}
    rbac = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("coredns")},
        {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": "system:coredns"}, "rules": reads},
        {
            "apiVersion": rbac, "kind": "ClusterRoleBinding", "metadata": {"name": "system:coredns"},
            "roleRef": role, "subjects": [account],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("coredns"), "data": {"Corefile": _COREFILE}},
        {
            "apiVersion": "v1", "kind": "Service", "metadata": _meta("kube-dns", labels),
            "spec": {"clusterIP": DNS_IP, "selector": labels, "ports": ports},
        },
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": _meta("coredns", labels),
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]  # fmt: skip


def metrics_server(documents: Iterable[dict[str, Any]], image: str) -> list[dict[str, Any]]:
    """Return metrics-server's own manifests, set up for one node that is measured every 10 s.

    The kubelet's certificate is of the cluster's own authority, not of one that metrics-server knows.
    """
    labels = {"k8s-app": "metrics-server"}
    result = []
    for document in documents:
        changed = deepcopy(document)
        if changed["kind"] == "Service":
            changed["spec"]["selector"] = labels
        if changed["kind"] == "Deployment":
            changed["spec"]["selector"] = {"matchLabels": labels}
            template = changed["spec"]["template"]
            template["metadata"] = {"labels": labels}
            container = template["spec"]["containers"][0]
            container["image"] = image
            # The resolution must be longer than the time a kubelet may take.
            container["args"] = [
                "--cert-dir=/tmp", "--secure-port=10250", "--kubelet-insecure-tls",
                "--kubelet-preferred-address-types=InternalIP", "--metric-resolution=10s",
                "--kubelet-request-timeout=5s",
            ]  # fmt: skip
            container["resources"]["requests"] = {"cpu": "20m", "memory": "60Mi"}
            container["readinessProbe"] |= {**_PATIENT_READINESS, "initialDelaySeconds": 0, "failureThreshold": 30}
            container["livenessProbe"] |= _PATIENT_LIVENESS
        result.append(changed)
    return result


def gateway_values(defaults: dict[str, Any], proxy_image: str) -> dict[str, Any]:
    """Return the values of Envoy Gateway's chart for a small machine."""
    values = deepcopy(defaults)
    values["global"]["images"]["envoyProxy"] |= {"image": proxy_image, "pullPolicy": "IfNotPresent"}
    values["topologyInjector"]["enabled"] = False  # there is one node
    deployment = values["deployment"]
    deployment["envoyGateway"]["resources"] = {
        "requests": {"cpu": "50m", "memory": "100Mi"},
        "limits": {"memory": "1024Mi"},
    }
    deployment["envoyGateway"]["readinessProbe"] |= _PATIENT_READINESS
    deployment["envoyGateway"]["livenessProbe"] |= _PATIENT_LIVENESS
    values["config"]["envoyGateway"]["provider"] = {
        "type": "Kubernetes",
        "kubernetes": {"leaderElection": {"disable": True}},
    }
    return values


def without_hooks(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a rendered chart without its hooks (one makes certificates in a pod; `up` makes them itself)."""
    result = []
    for document in documents:
        annotations = document.get("metadata", {}).get("annotations") or {}
        if not any(name.startswith("helm.sh/hook") for name in annotations):
            result.append(document)
    return result


def gateway(proxy_image: str) -> list[dict[str, Any]]:
    """Return the GatewayClass and the one Gateway, whose proxy gets a fixed address and little of the machine."""
    group, name = "gateway.networking.k8s.io", f"{GATEWAY}-proxy"
    deployment: dict[str, Any] = {
        "replicas": 1,
        "container": {"image": proxy_image, "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}},
    }
    # Both containers' start is asked about every 10 s by default, which is most of the time that a start takes.
    often = {"startupProbe": {"periodSeconds": 1, "failureThreshold": 120}, "livenessProbe": _PATIENT_LIVENESS}
    probes = [{"name": name, **often, "readinessProbe": _PATIENT_READINESS} for name in ("envoy", "shutdown-manager")]
    deployment["patch"] = {
        "type": "StrategicMerge",
        "value": {"spec": {"template": {"spec": {"containers": probes}}}},
    }
    patch = {"type": "StrategicMerge", "value": {"spec": {"clusterIP": GATEWAY_IP}}}
    proxy = {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyProxy",
        "metadata": {"name": name, "namespace": GATEWAY_NAMESPACE},
        "spec": {
            "concurrency": 2,
            "logging": {"level": {"default": "warn"}},
            "shutdown": {"drainTimeout": "10s", "minDrainDuration": "2s"},
            "telemetry": {
                "accessLog": {"disable": True},
                "metrics": {"enablePerEndpointStats": True},
            },
            "provider": {
                "type": "Kubernetes",
                "kubernetes": {
                    "envoyDeployment": deployment,
                    "envoyService": {"type": "ClusterIP", "patch": patch},
                },
            },
        },
    }
    reference = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": name}
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return [
        {
            "apiVersion": f"{group}/v1", "kind": "GatewayClass", "metadata": {"name": GATEWAY_CLASS},
            "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        },
        proxy,
        {
            "apiVersion": f"{group}/v1", "kind": "Gateway",
            "metadata": {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE},
            "spec": {
                "gatewayClassName": GATEWAY_CLASS, "listeners": [listener],
                "infrastructure": {"parametersRef": reference},
            },
        },
    ]  # fmt: skip


def _meta(name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"name": name, "namespace": _SYSTEM, **({"labels": labels} if labels else {})}


def _restricted(capabilities: dict[str, Any]) -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": capabilities}
