"""How the operator reaches the API server: the service account of its pod, or a kubeconfig."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio import config as kubeconfig
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from .errors import ClusterConfigError

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def in_cluster() -> bool:
    """Whether this process runs in a pod that has a service account."""
    return "KUBERNETES_SERVICE_HOST" in os.environ and (_SERVICE_ACCOUNT / "token").exists()


def own_namespace() -> str | None:
    """Namespace of this pod; None outside of a cluster."""
    file = _SERVICE_ACCOUNT / "namespace"
    return file.read_text().strip() if in_cluster() and file.exists() else None


@dataclass(frozen=True)
class Source:
    """Where the credentials come from."""

    kubeconfig: str | None = None
    """File; None takes the pod's service account, or else $KUBECONFIG, or else ~/.kube/config."""
    context: str | None = None
    """Context in that file; its current one by default."""

    @property
    def in_cluster(self) -> bool:
        """Whether the pod's service account is used."""
        return self.kubeconfig is None and self.context is None and in_cluster()

    def namespace(self) -> str:
        """Namespace that the context names; `default` where it names none.

        Raises:
            ClusterConfigError: the kubeconfig cannot be read.
        """
        if self.in_cluster:
            return own_namespace() or "default"
        try:
            contexts, active = kubeconfig.list_kube_config_contexts(self._file)  # type: ignore[no-untyped-call]
        except (kubeconfig.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
            raise ClusterConfigError(f"Cannot read the kubeconfig {self._file}: {error}") from error
        chosen = next((item for item in contexts if item["name"] == self.context), active)
        return str((chosen.get("context") or {}).get("namespace") or "default")

    @property
    def _file(self) -> str:
        # Read at each call: the library reads $KUBECONFIG only once, when it is imported.
        return self.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"

    async def client(self) -> ApiClient:
        """Make a client. Call it again for fresh credentials.

        Raises:
            ClusterConfigError: no kubeconfig, no such context, or a broken one.
        """
        configuration = Configuration()
        try:
            if self.in_cluster:
                kubeconfig.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                await kubeconfig.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=self._file,
                    context=self.context,
                    client_configuration=configuration,
                    persist_config=False,
                )
        except (kubeconfig.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
            where = f"context {self.context!r} of " if self.context else ""
            raise ClusterConfigError(
                f"Cannot use {where}the kubeconfig {self._file}: {error}. "
                "Give one with --kubeconfig and --context, or start a local cluster with `ekiben cluster up`."
            ) from error
        client = ApiClient(configuration)
        client.user_agent = "ekiben"
        return client


async def authorization(client: ApiClient) -> dict[str, str]:
    """Headers with the client's present credentials; empty where it uses a certificate."""
    settings = await client.configuration.auth_settings()
    bearer = settings.get("BearerToken")
    return {"Authorization": str(bearer["value"])} if bearer and bearer.get("value") else {}


def tls(client: ApiClient) -> ssl.SSLContext:
    """The TLS settings of the client: CA and client certificate."""
    context: ssl.SSLContext = client.rest_client.ssl_context
    return context


def server(client: ApiClient) -> str:
    """Root URL of the API server."""
    return str(client.configuration.host).rstrip("/")
