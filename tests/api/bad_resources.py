"""Resources that are refused, and what the author is told: by the API server (tests/e2e) and by ekiben's own tools."""

import copy

GOOD = {
    "apiVersion": "ekiben.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "iris", "namespace": "default"},
    "spec": {"model": {"image": "registry.example.com/iris:1"}},
}

_TWO_SOURCES = {"secretKeyRef": {"name": "a", "key": "k"}, "configMapKeyRef": {"name": "a", "key": "k"}}
_DURATION = "write a duration in whole numbers with h, m, s or ms"
_VOLUME = {"name": "v", "mountPath": "/data"}

# what is wrong -> (where it is put, what the message says)
BAD = {
    "empty image": ({"model": {"image": ""}}, "write the image that `ekiben push` printed"),
    "image with a space": ({"model": {"image": "iris 1"}}, "write the image that `ekiben push` printed"),
    "image with a broken digest": (
        {"model": {"image": "iris@sha256:12"}},
        "write the image that `ekiben push` printed",
    ),
    "image with a scheme": ({"model": {"image": "https://r.example.com/iris"}}, "write the image that"),
    "replicas and minReplicas": (
        {"scaling": {"replicas": 2, "minReplicas": 1}},
        "scaling.replicas is a fixed count and excludes minReplicas: remove one of the two",
    ),
    "replicas and maxReplicas": (
        {"scaling": {"replicas": 2, "maxReplicas": 3}},
        "scaling.replicas is a fixed count and excludes maxReplicas: remove one of the two",
    ),
    "replicas and metrics": (
        {"scaling": {"replicas": 2, "metrics": [{"type": "cpu", "target": 50}]}},
        "scaling.replicas is a fixed count and excludes metrics: remove one of the two",
    ),
    "minReplicas above maxReplicas": (
        {"scaling": {"minReplicas": 5, "maxReplicas": 3}},
        "scaling.minReplicas is more than scaling.maxReplicas: raise maxReplicas or lower minReplicas",
    ),
    "maxReplicas below the default minReplicas": ({"scaling": {"maxReplicas": 1}}, "write minReplicas: 1 beside"),
    "a metric twice": (
        {"scaling": {"metrics": [{"type": "cpu", "target": 50}, {"type": "cpu", "target": 60}]}},
        "scaling.metrics has two entries of one type",
    ),
    "cpu without a target": ({"scaling": {"metrics": [{"type": "cpu"}]}}, "metrics cpu and memory need a target"),
    "cpu beyond its range": (
        {"scaling": {"metrics": [{"type": "cpu", "target": 1001}]}},
        "metrics cpu and memory need",
    ),
    "latency without a time": ({"scaling": {"metrics": [{"type": "latency"}]}}, "write below: 300ms there"),
    "latency with a target": (
        {"scaling": {"metrics": [{"type": "latency", "below": "1s", "target": 3}]}},
        "below (and quantile) is of metric latency, which needs it and has no target",
    ),
    "a time of a rate": ({"scaling": {"metrics": [{"type": "requestRate", "below": "1s"}]}}, "is of metric latency"),
    "a quantile without quotes' form": (
        {"scaling": {"metrics": [{"type": "latency", "below": "1s", "quantile": "95"}]}},
        "write the share of answers in quotes",
    ),
    "two writers of one count": (
        {"scaling": {"metrics": [{"type": "cpu", "target": 50}, {"type": "concurrency"}]}},
        "only one of them may own the replicas: keep the entries of one kind",
    ),
    "keda and metrics": (
        {"scaling": {"metrics": [{"type": "concurrency"}], "keda": {"triggers": [{"type": "cron"}]}}},
        "scaling.keda and scaling.metrics both say what replicas follow: remove one of the two",
    ),
    "keda and replicas": (
        {"scaling": {"replicas": 2, "keda": {"triggers": [{"type": "cron"}]}}},
        "scaling.replicas is a fixed count and excludes keda: remove one of the two",
    ),
    "a trigger that is no word": ({"scaling": {"keda": {"triggers": [{"type": "http://x"}]}}}, "such as cron"),
    "behavior of a cpu metric": (
        {"scaling": {"metrics": [{"type": "cpu", "target": 50}], "behavior": {"window": "30s"}}},
        "scaling.behavior is of the metrics concurrency, requestRate and latency: remove it",
    ),
    "a window too short": ({"scaling": {"behavior": {"window": "5s"}}}, "window lies between 6s and 5m"),
    "a delay too long": ({"scaling": {"behavior": {"scaleDownDelay": "2h"}}}, "scaleDownDelay lies between 0s and 1h"),
    "concurrency that nobody exports": (
        {"model": {"image": "iris:1", "runtime": "torchserve"}, "scaling": {"metrics": [{"type": "concurrency"}]}},
        "in scaling.metrics follow requestRate with a target, or cpu",
    ),
    "a sleeping model whose server tells nothing": (
        {"model": {"runtime": "triton"}, "scaling": {"minReplicas": 0}},
        "do not export how many requests are in flight",
    ),
    "a behavior without a metric of a server that tells nothing": (
        {"model": {"runtime": "triton"}, "scaling": {"behavior": {"window": "30s"}}},
        "do not export how many requests are in flight",
    ),
    "weights that fall": (
        {"rollout": {"steps": [{"weight": 20}, {"weight": 5}]}},
        "the weights of rollout.steps rise from each step to the next: write them such as 5, 20, 50",
    ),
    "weights that repeat": (
        {"rollout": {"steps": [{"weight": 20}, {"weight": 20}]}},
        "the weights of rollout.steps rise from each step to the next",
    ),
    "a first step beyond half": (
        {"rollout": {"steps": [{"weight": 80}]}},
        "the first step of rollout.steps gives at most 50 %",
    ),
    "a duration without a unit": ({"rollout": {"steps": [{"weight": 5, "duration": "60"}]}}, _DURATION),
    "a duration with a fraction": ({"rollout": {"bake": "1.5h"}}, _DURATION),
    "a deadline of nothing": ({"rollout": {"progressDeadline": "0s"}}, "rollout.progressDeadline is at least 1s"),
    "a start longer than the deadline": (
        {"model": {"probes": {"startupTimeout": "20m"}}},
        "raise progressDeadline or lower startupTimeout",
    ),
    "a probe of nothing": ({"model": {"probes": {"period": "0s"}}}, "of the probes are at least 1s each"),
    "a warm-up of a server that has its own way": (
        {"model": {"runtime": "triton", "warmUp": {"path": "/predict", "body": "[]"}}},
        "model.warmUp is of runtime bentoml",
    ),
    "a warm-up that leaves the container": (
        {"model": {"warmUp": {"path": "//elsewhere.example.com/x", "body": "[]"}}},
        "write an absolute path without a query",
    ),
    "value and valueFrom": (
        {"model": {"env": [{"name": "A", "value": "1", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}},
        "a variable has either value or valueFrom: write exactly one of the two",
    ),
    "neither value nor valueFrom": ({"model": {"env": [{"name": "A"}]}}, "a variable has either value or valueFrom"),
    "two sources of a value": (
        {"model": {"env": [{"name": "A", "valueFrom": _TWO_SOURCES}]}},
        "valueFrom takes exactly one of secretKeyRef and configMapKeyRef",
    ),
    "no source of a value": (
        {"model": {"env": [{"name": "A", "valueFrom": {}}]}},
        "valueFrom takes exactly one of secretKeyRef and configMapKeyRef",
    ),
    "a variable's name": ({"model": {"env": [{"name": "1 A", "value": "1"}]}}, "write the name of a variable"),
    "an envFrom of two": (
        {"model": {"envFrom": [{"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}]}},
        "an entry of envFrom takes exactly one of secretRef and configMapRef",
    ),
    "an envFrom of none": ({"model": {"envFrom": [{"prefix": "A"}]}}, "an entry of envFrom takes exactly one of"),
    "a secret's name": ({"model": {"envFrom": [{"secretRef": {"name": "A b"}}]}}, "write the name of an object"),
    "a volume of two sources": (
        {"model": {"volumes": [_VOLUME | {"secret": "a", "configMap": "b"}]}},
        "a volume has exactly one source",
    ),
    "a volume of no source": ({"model": {"volumes": [_VOLUME]}}, "a volume has exactly one source"),
    "two volumes at one place": (
        {"model": {"volumes": [_VOLUME | {"secret": "a"}, _VOLUME | {"name": "w", "secret": "b"}]}},
        "two volumes have the same mountPath: give each its own",
    ),
    "a relative mountPath": (
        {"model": {"volumes": [{"name": "v", "mountPath": "data", "secret": "a"}]}},
        "write an absolute path in the container",
    ),
    "a quantity": ({"model": {"resources": {"limits": {"memory": "1 GB"}}}}, "write a quantity such as 500m, 2"),
    "a negative quantity": ({"model": {"resources": {"limits": {"cpu": -1}}}}, "write a quantity such as 500m, 2"),
    "a request above its limit": (
        {"model": {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1500Mi"}}}},
        "a request is larger than its limit: raise resources.limits or lower resources.requests",
    ),
    "a GPU that is requested only": (
        {"model": {"resources": {"requests": {"nvidia.com/gpu": 1}}}},
        "a device such as nvidia.com/gpu is not shared",
    ),
    "a GPU that is shared": (
        {"model": {"resources": {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": 2}}}},
        "a device such as nvidia.com/gpu is not shared",
    ),
    "a label of ekiben's": (
        {"model": {"podOverrides": {"labels": {"ekiben.dev/revision": "x"}}}},
        "are reserved: use a prefix of your own",
    ),
    "an annotation that loosens a pod": (
        {
            "model": {
                "podOverrides": {"annotations": {"container.apparmor.security.beta.kubernetes.io/model": "unconfined"}}
            }
        },
        "are reserved: use a prefix of your own",
    ),
    "a label's key": ({"model": {"podOverrides": {"labels": {"a b": "x"}}}}, "write keys such as team"),
    "a label's value": ({"model": {"podOverrides": {"labels": {"team": "a b"}}}}, "write the value of a label"),
    "values that are too long": (
        {"model": {"env": [{"name": f"A{i}", "value": "x" * 32768} for i in range(4)]}},
        "put the long ones into a ConfigMap",
    ),
    "a hostname with a port": (
        {"traffic": {"hostnames": ["iris.example.com:80"]}},
        "write a hostname in lower case, such as iris.example.com",
    ),
    "a path with dots": ({"traffic": {"path": "/a/../b"}}, "write a path prefix that begins with '/'"),
    "a path without a slash": ({"traffic": {"path": "iris"}}, "write a path prefix that begins with '/'"),
    "steps of another strategy": (
        {"rollout": {"strategy": "blueGreen", "steps": [{"weight": 5}]}},
        "rollout.steps are of strategy canary: remove them, or write strategy: canary",
    ),
    "a preview of another strategy": (
        {"rollout": {"blueGreen": {"duration": "5m"}}},
        "rollout.blueGreen is of strategy blueGreen: remove it, or write strategy: blueGreen",
    ),
    "a shadow of another strategy": (
        {"rollout": {"strategy": "recreate", "shadow": {"percent": 10}}},
        "rollout.shadow is of strategy shadow: remove it, or write strategy: shadow",
    ),
    "a preview hostname with a scheme": (
        {"rollout": {"strategy": "blueGreen", "blueGreen": {"hostname": "http://preview.example.com"}}},
        "write a hostname in lower case, such as iris.example.com",
    ),
    "a header's name": (
        {"rollout": {"testers": {"header": "X Tester", "value": "yes"}}},
        "write the name of a header, such as X-Tester",
    ),
    "a header's value": (
        {"rollout": {"testers": {"header": "X-Tester", "value": "a b"}}},
        "write the header's exact value, such as yes",
    ),
    "a policy in another namespace": ({"rollout": {"policyRef": "shop/careful"}}, "write the name of an object"),
    "a Gateway for replicaRatio": (
        {"traffic": {"provider": "replicaRatio", "parentRefs": [{"name": "gw"}]}},
        "traffic.parentRefs is of provider gatewayAPI: remove it; with replicaRatio callers use the Service NAME",
    ),
    "a hostname for replicaRatio": (
        {"traffic": {"provider": "replicaRatio", "hostnames": ["iris.example.com"]}},
        "traffic.hostnames is of provider gatewayAPI: remove it",
    ),
    "a route for replicaRatio": (
        {"traffic": {"provider": "replicaRatio", "httpRoute": "shop"}},
        "traffic.httpRoute is of provider gatewayAPI: remove it",
    ),
    "a route of one's own and a Gateway": (
        {"traffic": {"httpRoute": "shop", "parentRefs": [{"name": "gw"}]}},
        "traffic.httpRoute names a route of your own, which has its own parentRefs: remove one of the two",
    ),
    "a route of one's own and a hostname": (
        {"traffic": {"httpRoute": "shop", "hostnames": ["iris.example.com"]}},
        "traffic.httpRoute names a route of your own, which has its own hostnames: remove one of the two",
    ),
    "a route in another namespace": ({"traffic": {"httpRoute": "shop/route"}}, "write the name of an object"),
    "no time for a request": ({"traffic": {"timeout": "0s"}}, "traffic.timeout is between 1s and 1h"),
    "ports of a runtime that has its own": (
        {"model": {"runtime": "triton", "server": {"port": 8000}}},
        "model.server is of runtime http: the other runtimes have ports and paths of their own",
    ),
    "a metrics path with a query": (
        {"model": {"runtime": "http", "server": {"metricsPath": "/metrics?all=1"}}},
        "write an absolute path without a query",
    ),
    "a query instead of its name": (
        {"rollout": {"analysis": {"metrics": [{"name": "rate(orders_total[5m])"}]}}},
        "write the name of a query that the operator's configuration defines",
    ),
    "a day for a request": ({"traffic": {"timeout": "24h"}}, "traffic.timeout is between 1s and 1h"),
}

# what is wrong with spec.rollout of a RolloutPolicy -> (what it is, what the message says)
BAD_POLICIES = {
    "paused": ({"paused": True}, "paused belongs to one ModelDeployment: write it in its spec.rollout"),
    "another policy": (
        {"policyRef": "other"},
        "policyRef belongs to one ModelDeployment: write it in its spec.rollout",
    ),
    "weights that fall": ({"steps": [{"weight": 20}, {"weight": 5}]}, "the weights of rollout.steps rise"),
    "a preview without its strategy": ({"blueGreen": {}}, "rollout.blueGreen is of strategy blueGreen"),
    "a duration without a unit": ({"bake": "60"}, _DURATION),
}

BAD_NAMES = ["1iris", "iris.v2", "i" * 51, "iris-"]
NAME_MESSAGE = "has at most 50 characters: choose such a name"


def resource(spec):
    """Return the good resource with blocks of its spec replaced; spec.model keeps its image where it is not given."""
    body = copy.deepcopy(GOOD)
    for block, value in spec.items():
        body["spec"][block] = body["spec"].get(block, {}) | value
    return body


def policy(rollout):
    """Return a RolloutPolicy."""
    meta = {"name": "careful", "namespace": "default"}
    return {"apiVersion": GOOD["apiVersion"], "kind": "RolloutPolicy", "metadata": meta, "spec": {"rollout": rollout}}


def named(name):
    """Return the good resource with another name."""
    body = copy.deepcopy(GOOD)
    body["metadata"]["name"] = name
    return body
