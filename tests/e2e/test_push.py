"""`ekiben push` with a real builder, a real registry and a real pod."""

from __future__ import annotations

import base64
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ekiben.cli.demo import stage
from ekiben.localcluster.images import ensure_base_image
from ekiben.localcluster.settings import cache_folder
from ekiben.packaging import PackagingError, PushRequest, PushResult, ToolError, push
from ekiben.packaging.builders import find_builder

pytestmark = pytest.mark.e2e

IRIS = stage.source_root() / "bentos" / "iris"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """BentoML's store of the tests, for everything in this file; the user's own stays untouched."""
    folder = cache_folder() / "bentoml"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(folder))
        patch.setenv("BENTOML_DO_NOT_TRACK", "True")
        yield str(folder)


@pytest.fixture(scope="module")
def built(store: str) -> dict[str, Any]:
    """What `build_revisions.py` says of v2."""
    ensure_base_image()
    command = [sys.executable, str(IRIS / "build_revisions.py"), "--json", "v2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def pushed(cluster, built, tmp_path_factory) -> PushResult:
    output = tmp_path_factory.mktemp("push") / "modeldeployment.yaml"
    told: list[str] = []
    return push(PushRequest(built["bento_tag"], cluster.registry, output=output), told.append)


def test_the_digest_is_what_the_registry_serves(cluster, pushed):
    repository, digest = pushed.image.removeprefix(f"{cluster.registry}/").split("@")
    assert digest == pushed.digest
    request = urllib.request.Request(f"http://{cluster.registry}/v2/{repository}/manifests/{digest}")
    request.add_header("Accept", MANIFEST)
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.headers["Docker-Content-Digest"] == digest


def test_the_written_resource_says_what_the_bento_says(pushed, built):
    assert pushed.bento_tag == built["bento_tag"]
    spec = yaml.safe_load(pushed.modeldeployment.read_text())["spec"]
    assert spec["model"]["image"] == pushed.image
    assert spec["model"]["resources"]["requests"] == {"cpu": "200m", "memory": "512Mi"}
    assert spec["model"]["concurrency"] == 32
    assert spec["traffic"] == {"timeout": "10s"}


def test_the_written_resource_is_accepted(pushed, namespace):
    out = namespace.kubectl("apply", "--dry-run=server", "-f", str(pushed.modeldeployment))
    assert "created" in out


def test_the_same_bento_pushed_again_is_the_same_image(cluster, pushed, built):
    again = push(PushRequest(built["bento_tag"], cluster.registry, output=None), lambda _: None)
    assert again.image == pushed.image
    assert again.modeldeployment is None


def test_the_command_builds_a_project_that_it_is_called_in(cluster, built, tmp_path):
    command = [str(Path(sys.executable).with_name("ekiben")), "push", "--registry", cluster.registry]
    command += ["--arg", f"model=iris:{built['model_version']}", "--output", str(tmp_path / "mine.yaml")]
    done = subprocess.run(command, cwd=IRIS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [image] = done.stdout.splitlines()
    assert image.startswith(f"{cluster.registry}/iris@sha256:")
    assert yaml.safe_load((tmp_path / "mine.yaml").read_text())["spec"]["model"]["image"] == image
    made = next(line.partition("__tag__:")[2] for line in done.stderr.splitlines() if "__tag__:" in line)
    subprocess.run([sys.executable, "-m", "bentoml", "delete", "--yes", made], check=True, capture_output=True)


POD = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1034, "seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}
CONTAINER = {
    "name": "iris",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "env": [{"name": "BENTOML_HOME", "value": "/tmp/bentoml"}, {"name": "BENTOML_DO_NOT_TRACK", "value": "True"}],
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": 3000}, "periodSeconds": 1, "timeoutSeconds": 5},
}
ASK = (
    "import urllib.request as u; r = u.Request('http://127.0.0.1:3000/predict', "
    'b\'{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}\', '
    "{'content-type': 'application/json'}); print(u.urlopen(r, timeout=30).read().decode())"
)


def test_the_image_serves_under_pod_security_restricted_on_a_read_only_root(pushed, namespace):
    container = {**CONTAINER, "image": pushed.image}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pushed"},
        "spec": {**POD, "containers": [container]},
    }
    namespace.kubectl("create", "-f", "-", body=body)
    out = namespace.kubectl("wait", "pod/pushed", "--for=condition=Ready", "--timeout=180s", check=False)
    assert "condition met" in out, out + namespace.kubectl("logs", "pushed", check=False)
    [answer] = json.loads(namespace.kubectl("exec", "pushed", "--", "python", "-c", ASK))
    assert answer["species"] == "setosa"
    namespace.kubectl("delete", "pod", "pushed", "--wait=false")


def test_the_image_has_a_user_but_no_compiler_no_git_no_cache(pushed, namespace):
    probe = "id -u; ls /root/.cache /usr/bin/gcc /usr/bin/git 2>/dev/null; true"
    container = {**CONTAINER, "image": pushed.image, "command": ["sh", "-c", probe], "readinessProbe": None}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {**POD, "restartPolicy": "Never", "containers": [container]},
    }
    namespace.kubectl("create", "-f", "-", body=body)
    namespace.kubectl("wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    assert namespace.kubectl("logs", "probe").split() == ["1034"]


class _Index(http.server.BaseHTTPRequestHandler):
    """A package index that has nothing, and remembers who asked."""

    asked: list[str | None] = []  # noqa: RUF012 - one for the class is what is wanted

    def do_GET(self) -> None:
        given = self.headers.get("Authorization")
        self.asked.append(given)
        self.send_response(404 if given else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    _Index.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def other_base() -> Iterator[str]:
    """A base image of this test alone, so that no layer of an earlier build is used again."""
    builder = find_builder("buildah")

    def buildah(*arguments: str) -> str:
        environment = {**os.environ, **builder.environment()}
        return subprocess.run(
            [builder.executable, *arguments], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    name = f"localhost/ekiben-test:{uuid.uuid4().hex}"
    container = buildah("from", ensure_base_image())
    buildah("config", "--label", f"test={name}", container)
    buildah("commit", "--rm", container, name)
    yield name
    buildah("rmi", name)


def test_an_index_is_asked_with_credentials_that_appear_nowhere(built, index, other_base):
    told: list[str] = []
    request = PushRequest(
        built["bento_tag"],
        "localhost:9",
        builder="buildah",
        base_image=other_base,
        index_url=f"http://reader:hunter2@{index}/simple/",
        output=None,
    )
    with pytest.raises(ToolError) as failed:
        push(request, told.append)
    assert f"Basic {base64.b64encode(b'reader:hunter2').decode()}" in _Index.asked
    everything = "\n".join([*told, str(failed.value)])
    assert other_base in everything
    assert "Building the image" in str(failed.value)
    assert "hunter2" not in everything


def test_a_registry_that_is_not_there_is_named(built, tmp_path):
    output = tmp_path / "modeldeployment.yaml"
    with pytest.raises(ToolError) as failed:
        push(PushRequest(built["bento_tag"], "localhost:9", output=output), lambda _: None)
    assert "Pushing localhost:9/iris:" in str(failed.value)
    assert "connection refused" in str(failed.value)
    assert "Check that a registry answers at localhost:9" in str(failed.value)
    assert not output.exists()


def test_a_bento_that_is_not_there_is_named(store):
    with pytest.raises(PackagingError, match="nowhere:v1") as failed:
        push(PushRequest("nowhere:v1", "localhost:9"), lambda _: None)
    assert "bentoml list" in str(failed.value)


def test_a_project_that_cannot_be_built_says_why(store, tmp_path: Path):
    (tmp_path / "bentofile.yaml").write_text("service: 'service:Nothing'\n")
    (tmp_path / "service.py").write_text("raise RuntimeError('the model is not trained yet')\n")
    with pytest.raises(ToolError, match="the model is not trained yet"):
        push(PushRequest(str(tmp_path), "localhost:9"), lambda _: None)
