"""Resources for the tests of this room."""

from ekiben.api.modeldeployment import ModelDeployment

IMAGE = "registry.example.com/iris@sha256:" + "0" * 64


def resource(name="iris", **spec):
    """Return a ModelDeployment; blocks of the spec as keyword arguments, as they stand in YAML."""
    model = {"image": IMAGE} | spec.pop("model", {})
    return ModelDeployment.parse(
        {
            "metadata": {"name": name, "namespace": "shop", "uid": "2b1f", "generation": 3},
            "spec": {"model": model} | spec,
        }
    )
