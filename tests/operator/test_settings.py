"""Settings: defaults that work, and errors that name the variable."""

from pathlib import Path

import pytest

from ekiben.operator.settings import Settings, SettingsError


def test_nothing_has_to_be_set():
    settings = Settings.load({"PATH": "/bin"})
    assert settings.gateway_name == "ekiben"
    assert settings.namespaces == ()


def test_flags_go_before_the_environment():
    settings = Settings.load(
        {"EKIBEN_HTTP_PORT": "1", "EKIBEN_NAMESPACES": "a, b"}, http_port=2, scrape=None, namespaces=()
    )
    assert settings.http_port == 2
    assert settings.namespaces == ("a", "b")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EKIBEN_CONCURRENCY", "many"),
        ("EKIBEN_CONCURRENCY", "0"),
        ("EKIBEN_SCRAPE", "guess"),
        ("EKIBEN_DOMAIN", "Example.com/"),
        ("EKIBEN_NAMESPACES", "ok,../etc"),
        ("EKIBEN_TICK", "nan"),
        ("EKIBEN_HOSTNAMES", "shop"),
        ("EKIBEN_HOSTNAMES", '["shop"]'),
        ("EKIBEN_HOSTNAMES", '{"Shop": ["a.b"]}'),
        ("EKIBEN_HOSTNAMES", '{"shop": ["*.a.b"]}'),
        ("EKIBEN_HOSTNAMES", '{"shop": "a.b"}'),
    ],
)
def test_a_bad_value_names_the_variable(variable, value):
    with pytest.raises(SettingsError, match=variable):
        Settings.load({variable: value})


def test_hostnames_are_json():
    settings = Settings.load({"EKIBEN_HOSTNAMES": '{"shop": ["shop.example.com"], "team-*": []}'})
    assert settings.hostnames == {"shop": ("shop.example.com",), "team-*": ()}
    assert Settings.load({"EKIBEN_HOSTNAMES": ""}).hostnames == {}


def test_a_typing_error_in_a_name_is_refused():
    with pytest.raises(SettingsError, match="did you mean EKIBEN_CONCURRENCY"):
        Settings.load({"EKIBEN_CONCURENCY": "4"})


def test_variables_that_kubernetes_or_others_set_are_left_alone():
    Settings.load({"EKIBEN_PORT": "tcp://10.96.0.7:80", "EKIBEN_SERVICE_HOST": "10.96.0.7", "EKIBEN_HOME": "/x"})


def test_every_setting_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    missing = [name for name in Settings.model_fields if f"EKIBEN_{name.upper()}" not in text]
    assert missing == []
