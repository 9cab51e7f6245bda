"""What the API server writes into an object by itself, of the fields that ekiben or its users may meet."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def none(_body: Json) -> None:
    """Leave the object as it is."""


def service(body: Json) -> None:
    spec = body.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])


def deployment(body: Json) -> None:
    spec = body.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("progressDeadlineSeconds", 600)
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    pod = spec.setdefault("template", {}).setdefault("spec", {})
    for key, value in _POD.items():
        pod.setdefault(key, value)
    pod.setdefault("securityContext", {})
    for container in pod.get("containers") or ():
        _container(container)


_POD = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
}


def _container(container: Json) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = str(container.get("image", ""))
    latest = image.endswith(":latest") or (":" not in image.rsplit("/", 1)[-1] and "@" not in image)
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("resources", {})
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if container.get(probe):
            found = container[probe]
            for key, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1)):
                found.setdefault(key, value)
            found.setdefault("failureThreshold", 3)
            if "httpGet" in found:
                found["httpGet"].setdefault("scheme", "HTTP")


_POLICIES = {
    "scaleUp": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
    "scaleDown": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}


def autoscaler(body: Json) -> None:
    spec = body.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    behavior = spec.get("behavior")
    if behavior is None:
        return
    for direction, policies in _POLICIES.items():
        rules = behavior.setdefault(direction, {})
        rules.setdefault("selectPolicy", "Max")
        if direction == "scaleUp":
            rules.setdefault("stabilizationWindowSeconds", 0)
        rules.setdefault("policies", [dict(policy) for policy in policies])


def httproute(body: Json) -> None:
    spec = body.setdefault("spec", {})
    for parent in spec.get("parentRefs") or ():
        parent.setdefault("group", "gateway.networking.k8s.io")
        parent.setdefault("kind", "Gateway")
    for rule in spec.setdefault("rules", [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]):
        for match in rule.setdefault("matches", [{"path": {"type": "PathPrefix", "value": "/"}}]):
            path = match.setdefault("path", {})
            path.setdefault("type", "PathPrefix")
            path.setdefault("value", "/")
            for header in match.get("headers") or ():
                header.setdefault("type", "Exact")
        for backend in rule.get("backendRefs") or ():
            backend.setdefault("group", "")
            backend.setdefault("kind", "Service")
            backend.setdefault("weight", 1)
