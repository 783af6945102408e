import pytest

from mien.errors import UsageError
from mien.web import permissions


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("https://example.org", "https://example.org"),
        ("https://Example.org/", "https://example.org"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://my_box.local", "https://my_box.local"),
        ("chrome-extension://ABC/", "chrome-extension://abc"),
        ("moz-extension://0a1b-2c", "moz-extension://0a1b-2c"),
    ],
)
def test_an_origin_is_taken_as_browsers_send_it(given, right):
    assert permissions.origin(given) == right


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("example.org", "give https://example.org"),
        ("localhost:3000", "give https://localhost:3000"),
        (" https://example.org", "give https://example.org"),
        ("https://example.org/page", "give https://example.org"),
        ("https://example.org?x=1", "give https://example.org"),
        ("https://me@example.org", "give https://example.org"),
        ("https://example.org:443", "give https://example.org"),
        ("http://example.org:80/", "give http://example.org"),
        ("ftp://example.org", "give https://example.org"),
        ("https://Bücher.example", "give https://xn--bcher-kva.example"),
        ("https://*.example.org", "such as https://example.org"),
        ("https://example.org:99999", "such as https://example.org"),
        ("https://[", "such as https://example.org"),
        ("https://", "such as https://example.org"),
        ("", "such as https://example.org"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused_with_the_right_one(given, right):
    with pytest.raises(UsageError) as error:
        permissions.origin(given)
    assert str(error.value).startswith(f"--cors {given!r} is no origin")
    assert str(error.value).endswith(right)


def test_all_origins_at_once_are_refused():
    with pytest.raises(UsageError, match="every page of the web"):
        permissions.origin("*")


@pytest.mark.parametrize("given", ["box", "Annas-MacBook.local", "192.168.0.7", "::1", "xn--bcher-kva.example"])
def test_a_host_name_is_taken_in_any_case(given):
    assert permissions.host_name(given) == given.lower()


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("http://box:8000", "give box"),
        ("box:8000", "give box"),
        ("box/", "give box"),
        ("box ", "give box"),
        ("[::1]:8000", "give ::1"),
        ("0:0:0:0:0:0:0:1", "give ::1"),
        ("bücher.example", "give xn--bcher-kva.example"),
        ("*", "such as box.example.org"),
        ("http://[", "such as box.example.org"),
        ("", "such as box.example.org"),
    ],
)
def test_what_no_request_is_addressed_to_is_refused_with_the_right_name(given, right):
    with pytest.raises(UsageError) as error:
        permissions.host_name(given)
    assert str(error.value).startswith(f"--allow-host {given!r} is no host name")
    assert str(error.value).endswith(right)


@pytest.mark.parametrize("given", ["secret", " secret \n", "secret\r\n"])
def test_blanks_around_a_key_do_not_count(given):
    assert permissions.api_key(given, source="key.txt") == "secret"


@pytest.mark.parametrize("key", ["two words", "ключ/with+signs"])
def test_a_key_that_a_header_can_carry_is_taken_as_it_is(key):
    assert permissions.api_key(key, source="key.txt") == key


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("secret\nother\n", "has 2 lines"),
        ("sec\tret", "control characters"),
        ("sec\0ret", "control characters"),
        ("sec\x1b[1mret", "control characters"),
        ("sec\udcffret", "control characters"),
    ],
)
def test_a_key_that_no_request_can_carry_is_refused_and_not_shown(given, error):
    with pytest.raises(UsageError) as raised:
        permissions.api_key(given, source="key.txt")
    assert str(raised.value).startswith("key.txt: ")
    assert error in str(raised.value)
    assert "sec" not in str(raised.value)
