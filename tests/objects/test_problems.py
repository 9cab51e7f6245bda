"""What a resource may not claim, whatever its author writes."""

import pytest
from tests.objects.resources import resource

from ekiben.objects.problems import problems
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


def test_the_default_hostname_is_no_problem():
    assert problems(resource(), SETTINGS) == []
