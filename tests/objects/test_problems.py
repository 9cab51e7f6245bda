"""What a resource may not claim, whatever its author writes."""

import pytest
from tests.objects.resources import resource

from ekiben.api.rollout import Rollout
from ekiben.objects.problems import policy_problems, problems
from ekiben.objects.settings import Settings

SETTINGS = Settings(domain="models.example.com")


@pytest.mark.parametrize(
    "hostname",
    ["iris.prod.models.example.com", "*.models.example.com", "models.example.com", "evilshop.models.example.com"],
)
def test_another_namespaces_name_below_the_operators_domain_is_refused(hostname):
    [told] = problems(resource(traffic={"hostnames": [hostname]}), SETTINGS)
    assert hostname in told
    assert ".shop.models.example.com" in told


@pytest.mark.parametrize(
    "hostname",
    ["iris.shop.models.example.com", "*.shop.models.example.com", "iris.example.org", "notmodels.example.com"],
)
def test_own_names_and_other_domains_are_accepted(hostname):
    assert problems(resource(traffic={"hostnames": [hostname]}), SETTINGS) == []


LIMITED = Settings(
    domain="models.example.com", hostnames={"sh*": ("shop.example.org",), "shop": ("example.net",), "admin": ("*",)}
)


@pytest.mark.parametrize("hostname", ["shop.example.org", "iris.shop.example.org", "*.example.net", "a.b.example.net"])
def test_a_namespace_may_claim_what_the_setting_gives_it(hostname):
    assert problems(resource(traffic={"hostnames": [hostname]}), LIMITED) == []


@pytest.mark.parametrize("hostname", ["example.org", "evilshop.example.org", "iris.example.com", "*.org"])
def test_and_nothing_else(hostname):
    [told] = problems(resource(traffic={"hostnames": [hostname]}), LIMITED)
    assert f"{hostname} may not be claimed by namespace shop" in told
    assert "shop.example.org, example.net" in told
    assert "EKIBEN_HOSTNAMES" in told


def test_a_namespace_that_the_setting_does_not_name_has_its_own_names_only():
    limited = Settings(domain="models.example.com", hostnames={"ads": ("example.org",)})
    [told] = problems(resource(traffic={"hostnames": ["example.org"]}), limited)
    assert "only hostnames that end with .shop.models.example.com" in told
    assert problems(resource(), limited) == []


def test_the_setting_gives_nobody_the_names_of_others():
    limited = Settings(domain="models.example.com", hostnames={"*": ("*",)})
    assert problems(resource(traffic={"hostnames": ["iris.prod.models.example.com"]}), limited)
    assert problems(resource(traffic={"hostnames": ["anything.at.all"]}), limited) == []


def blue_green(hostname):
    return {"strategy": "blueGreen", "blueGreen": {"hostname": hostname}}


def test_the_preview_hostname_is_claimed_too():
    [told] = problems(resource(rollout=blue_green("iris.prod.models.example.com")), SETTINGS)
    assert told.startswith("spec.rollout.blueGreen.hostname: iris.prod.models.example.com is not of this namespace")
    assert problems(resource(rollout=blue_green("preview.shop.models.example.com")), SETTINGS) == []
    assert problems(resource(rollout=blue_green("preview.example.com")), LIMITED)


def test_the_preview_hostname_is_another_one_than_the_models():
    [told] = problems(resource(rollout=blue_green("iris.shop.models.example.com")), SETTINGS)
    assert "is the model's own hostname" in told


def test_a_policy_that_is_shared_is_checked_the_same_way():
    policy = Rollout.model_validate(blue_green("iris.prod.models.example.com"))
    assert policy_problems(resource(), policy, SETTINGS)
    assert policy_problems(resource(), Rollout(), SETTINGS) == []


def test_hostnames_that_are_not_ekibens_to_route_are_not_judged():
    nowhere = Settings(domain="no domain")
    assert problems(resource(traffic={"httpRoute": "mine"}), nowhere) == []
    assert problems(resource(traffic={"provider": "replicaRatio"}), nowhere) == []


def test_the_default_hostname_is_no_problem():
    assert problems(resource(), SETTINGS) == []
