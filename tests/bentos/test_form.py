"""The form at `/`, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from ekiben.localcluster import debian
from ekiben.localcluster.progress import Lines

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    debian.ensure({"chromium": "/usr/bin/chromium", "chromium-driver": "/usr/bin/chromedriver"}, Lines())
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def field(browser, label):
    """The input that `label` belongs to, found as assistive technology finds it."""
    [found] = [
        element
        for element in browser.find_elements(By.TAG_NAME, "input")
        if browser.execute_script("return Array.from(arguments[0].labels).map(l => l.textContent)", element) == [label]
    ]
    return found


def fill(browser, values):
    for label, value in values.items():
        element = field(browser, label)
        element.clear()
        element.send_keys(value)


def press(browser):
    browser.find_element(By.XPATH, "//button[normalize-space()='Predict Species']").click()


def wait_for(browser, role, text):
    WebDriverWait(browser, 20).until(
        lambda driver: text in driver.find_element(By.CSS_SELECTOR, f"[role={role}]").text,
        f"no {text!r} in {role}",
    )


def test_the_first_thing_a_person_does(browser, serve):
    v2 = serve("v2")
    browser.get(v2.url)
    shown = {name: field(browser, name).get_attribute("value") for name in
             ("Sepal Length", "Sepal Width", "Petal Length", "Petal Width")}  # fmt: skip
    assert shown == {"Sepal Length": "5.1", "Sepal Width": "3.5", "Petal Length": "1.4", "Petal Width": "0.2"}
    press(browser)
    wait_for(browser, "status", "Prediction: setosa")
    assert v2.model_version in browser.find_element(By.TAG_NAME, "table").text

    fill(browser, {"Sepal Length": "6.3", "Sepal Width": "3.3", "Petal Length": "6.0", "Petal Width": "2.5"})
    press(browser)
    wait_for(browser, "status", "Prediction: virginica")


def test_errors_are_shown_as_text_beside_their_field(browser, serve):
    browser.get(serve("v2").url)
    fill(browser, {"Sepal Length": "-5.1"})
    field(browser, "Petal Width").clear()
    press(browser)
    wait_for(browser, "alert", "Sepal Length: Input should be greater than 0")
    wait_for(browser, "alert", "Petal Width: Field required")
    assert field(browser, "Sepal Length").get_attribute("aria-invalid") == "true"
    assert browser.find_element(By.CSS_SELECTOR, "[role=status]").text == ""

    fill(browser, {"Sepal Length": "5.1", "Petal Width": "0.2"})
    press(browser)
    wait_for(browser, "status", "Prediction: setosa")
    assert browser.find_element(By.CSS_SELECTOR, "[role=alert]").text == ""


def test_a_failure_of_the_model_is_shown_too(browser, serve):
    browser.get(serve("v3").url)
    fill(browser, {"Sepal Length": "4.4"})
    press(browser)
    wait_for(browser, "alert", "The model answered 500")


def test_the_policy_holds_and_breaks_nothing(browser, serve):
    v2 = serve("v2")
    policy = v2.ask("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    browser.get_log("browser")  # of the pages before
    browser.get(v2.url)
    press(browser)
    wait_for(browser, "status", "Prediction: setosa")
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_nothing_comes_from_elsewhere():
    for path in (Path(__file__).parents[2] / "bentos/iris/web").iterdir():
        assert not re.search(r"https?://|//\w+\.\w", path.read_text().replace("http://www.w3.org", "")), path
