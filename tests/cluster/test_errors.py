"""Errors in plain English."""

import json

import pytest

from ekiben.cluster import errors
from ekiben.cluster.errors import error_from


def body(message):
    return json.dumps({"kind": "Status", "message": message})


def test_a_missing_permission_is_named():
    message = (
        'deployments.apps "iris" is forbidden: User "system:serviceaccount:ekiben:ekiben" cannot patch resource '
        '"deployments/scale" in API group "apps" in the namespace "shop"'
    )
    error = error_from(403, body(message), "scale apps/v1/namespaces/shop/deployments/iris")
    assert isinstance(error, errors.ForbiddenError)
    assert "ekiben may not patch deployments/scale" in error.message
    assert (
        "give system:serviceaccount:ekiben:ekiben a role with the verb 'patch' for 'deployments/scale'" in error.message
    )


def test_a_quota_speaks_for_itself():
    error = error_from(403, body('pods "x" is forbidden: exceeded quota: small'), "create pods")
    assert "exceeded quota: small" in error.message
    assert "role" not in error.message


def test_a_namespace_that_goes_is_nobodys_fault():
    message = 'services "a" is forbidden: unable to create new content in namespace shop because it is being terminated'
    assert isinstance(error_from(403, body(message), "apply services"), errors.ConflictError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, errors.InvalidError),
        (401, errors.ClusterConfigError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (422, errors.InvalidError),
        (429, errors.UnavailableError),
        (500, errors.UnavailableError),
        (503, errors.UnavailableError),
        (418, errors.ClusterError),
    ],
)
def test_each_status_has_its_type(code, kind):
    error = error_from(code, "not json", "get x")
    assert type(error) is kind
    assert error.code == code
    assert "not json" in error.message
