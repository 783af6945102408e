"""The page in headless Chromium, where something is between it and its server: a key, a proxy, silence."""

import contextlib
import re
import threading

import pytest

from mien import Analyzer
from mien.web.guard import Guard
from tests.web.conftest import DESKTOP, run_server

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

NO_KEY = "this server asks for a key; choose something, and it asks again"
SOME = re.compile(r"^\d+$")


@contextlib.contextmanager
def opened(browser, port):
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{port}/")
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def page(browser, port):
    with opened(browser, port) as page:
        expect(page.locator("#model option").first).to_be_attached()
        yield page


@pytest.fixture
def locked(browser):
    """A page that has just been opened, of a server with a key: alpha."""
    with run_server(api_key="alpha") as port, opened(browser, port) as page:
        expect(page.locator("#key-title")).to_have_text("This server asks for a key")
        yield page


@pytest.fixture
def change_key(monkeypatch):
    return lambda key: monkeypatch.setattr("mien.web.guard._same", lambda _, given: key.encode() in given)


def give(page, key):
    page.locator("#key").fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("#key-dialog")).to_be_hidden()


def test_who_has_no_key_is_not_held_and_is_asked_when_it_is_needed_again(locked, astronaut):
    dialog, alert, sent = locked.locator("#key-dialog"), locked.get_by_role("alert"), []
    locked.on("request", lambda request: sent.append(request.url))
    locked.locator("#key").fill("alp")
    locked.keyboard.press("Escape")
    expect(alert).to_have_text(NO_KEY)
    locked.wait_for_timeout(200)
    expect(dialog).to_be_hidden()
    assert sent == []
    locked.set_input_files("#file", astronaut)
    expect(dialog).to_be_visible()
    locked.get_by_role("button", name="Cancel").click()
    expect(alert).to_have_text(NO_KEY)
    expect(dialog).to_be_hidden()
    locked.click("#webcam")
    expect(locked.locator("#key-title")).to_have_text("This server asks for a key")
    give(locked, " alpha ")
    expect(locked.locator("#timeline")).to_have_attribute("data-frames", SOME, timeout=30_000)
    expect(alert).to_be_hidden()


def test_a_key_that_has_changed_is_asked_for_by_webcam_and_films(locked, film, change_key):
    title, webcam = locked.locator("#key-title"), locked.locator("#webcam")
    give(locked, "alpha")
    expect(locked.locator("#model option").first).to_be_attached()
    change_key("beta")
    webcam.click()
    expect(title).to_have_text("That key is wrong")
    locked.keyboard.press("Escape")
    expect(locked.get_by_role("alert")).to_have_text(NO_KEY)
    expect(webcam).to_have_text("Turn on the webcam")
    webcam.click()
    expect(title).to_be_visible()
    give(locked, "beta")
    expect(locked.locator("#timeline")).to_have_attribute("data-frames", SOME, timeout=30_000)
    change_key("gamma")
    locked.set_input_files("#file", film)
    expect(title).to_be_visible()
    give(locked, "gamma")
    expect(locked.locator("#timeline")).to_have_attribute("data-frames", "30", timeout=30_000)


def test_a_film_is_cancelled_without_asking_for_a_key(locked, film, change_key):
    give(locked, "alpha")
    expect(locked.locator("#model option").first).to_be_attached()
    locked.route("**/v1/videos/*/result?*", lambda route: None)
    with locked.expect_request("**/v1/videos/*/result?*"):
        locked.set_input_files("#file", film)
    change_key("beta")
    with locked.expect_response("**/v1/videos/*"):
        locked.click("#cancel")
    locked.wait_for_timeout(200)
    expect(locked.locator("#key-dialog")).to_be_hidden()
    expect(locked.locator("#progress")).to_be_hidden()


def test_the_webcam_says_whom_it_waits_for(page, monkeypatch):
    go_on, judge = threading.Event(), Analyzer.judge
    monkeypatch.setattr(Analyzer, "judge", lambda self, crops: (go_on.wait(30), judge(self, crops))[1])
    webcam, meter, working = page.locator("#webcam"), page.locator("#meter"), page.locator("#progress-text")
    try:
        webcam.click()
        expect(working).to_have_text("Starting the webcam")
        expect(working).to_have_text("Starting the webcam: no answer from the server for 2 s")
        page.click("#cancel")
        expect(webcam).to_have_text("Turn on the webcam")
        expect(page.locator("#progress")).to_be_hidden()
        go_on.set()
        webcam.click()
        expect(meter).to_contain_text("frames/s", timeout=30_000)
        expect(page.locator("#progress")).to_be_hidden()
        go_on.clear()
        expect(meter).to_have_text("no answer from the server for 2 s")
    finally:
        go_on.set()
    expect(meter).to_contain_text("frames/s")


def test_the_rate_of_the_first_moments_is_not_that_of_two_seconds(page):
    rate = page.evaluate(
        """async () => {
          const { Live } = await import("/page/live.js");
          const now = performance.now();
          const live = Object.assign(new Live({}), { began: now - 500, heard: now });
          live.shown = Array(15).fill({ now, latency: 30 });
          live.meter();
          return Number(document.querySelector("#meter").dataset.rate);
        }"""
    )
    assert 20 < rate <= 30


def test_a_live_connection_that_a_proxy_does_not_pass_on_is_told(page, monkeypatch):
    monkeypatch.setattr(Guard, "_refusal", lambda self, scope: (403, "no") if scope["type"] == "websocket" else None)
    page.click("#webcam")
    expect(page.get_by_role("alert")).to_contain_text("a proxy in front of the server has to pass on WebSockets")
    expect(page.locator("#webcam")).to_have_text("Turn on the webcam")


@pytest.mark.parametrize("path", ["analyze", "videos"])
def test_what_a_proxy_finds_too_large_is_told(page, path, astronaut, film):
    page.route(f"**/v1/{path}?*", lambda route: route.fulfill(status=413, body="<html>413"))
    page.set_input_files("#file", astronaut if path == "analyze" else film)
    expect(page.get_by_role("alert")).to_have_text(
        "a proxy in front of the server takes no more at once (413); send less, or let it take more"
    )


def test_a_server_that_could_not_be_reached_is_asked_again(browser, port, astronaut):
    alert, unreachable = "#error", "the server cannot be reached; is it still running?"
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.route("**/v1/models", lambda route: route.abort())
    page.goto(f"http://127.0.0.1:{port}/")
    expect(page.locator(alert)).to_have_text(unreachable)
    page.unroute("**/v1/models")
    page.set_input_files("#file", astronaut)
    expect(page.locator("#faces .face")).to_have_count(1)
    expect(page.locator(alert)).to_be_hidden()
    page.route("**/v1/models", lambda route: route.abort())
    page.click("#webcam")
    expect(page.locator(alert)).to_have_text(unreachable)
    context.close()
