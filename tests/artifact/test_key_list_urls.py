"""Which key lists METADATA names: by their labels, https only, and nothing believed."""

from __future__ import annotations

import pytest

from pip_verify.artifact.metadata import key_list_urls, leaves_urls_to_the_build
from pip_verify.errors import EvidenceError

URL = "https://keys.example/keys.json"


def named(*values: str) -> tuple[str, ...]:
    lines = "".join(f"Project-URL: {value}\n" for value in values)
    return key_list_urls(f"Metadata-Version: 2.1\nName: demo\n{lines}\nProject-URL: Key-List, {URL}/body\n".encode())


@pytest.mark.parametrize(
    "label", ["Signing-Keys", "signing keys", "SIGNING_KEYS", "signing.keys!", "Key-List", "keylist", " key  list "]
)
def test_a_label_is_compared_without_case_punctuation_and_white_space(label: str) -> None:
    assert named(f"{label},{URL}") == (URL,)


@pytest.mark.parametrize(
    "label", ["", "Keys", "Signing-Key", "Key-Lists", "Homepage", "S\u0131gning-Keys", "\uff2beyList"]
)
def test_no_other_label_names_a_key_list(label: str) -> None:
    assert named(f"{label}, {URL}") == ()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "keys.example",
        "http://keys.example/keys.json",
        "HTTPS://keys.example/keys.json",
        "https:/keys.example",
        "https://",
        "https:///keys.json",
        "https://user:secret@keys.example/keys.json",
        "https://keys.example/keys.json#fragment",
        "https://keys.example/two words",
        "https://keys.example/k\u00e9ys.json",
        "https://keys.example/\\evil",
        "https://keys.example:0/keys.json",
        "https://keys.example:99999/keys.json",
        "https://keys.example:x/keys.json",
        "https://[::1/keys.json",
        "file:///etc/passwd",
        "https://keys.example/" + "a" * 2000,
    ],
)
def test_what_is_no_plain_https_url_is_passed_over(url: str) -> None:
    assert named(f"Key-List, {url}", f"Signing-Keys, {URL}") == (URL,)


def test_each_url_stands_once_in_the_order_of_the_fields() -> None:
    other = "https://other.example:8443/a,b?x=1"
    assert named(f"Key-List, {other}", f"Home, {URL}/home", f"Signing-Keys, {URL}", f"keylist, {other}") == (other, URL)


def test_no_more_than_four_are_named() -> None:
    urls = [f"{URL}?{number}" for number in range(9)]
    assert named(*(f"Key-List, {url}" for url in urls)) == tuple(urls[:4])


def test_a_field_without_a_comma_names_nothing() -> None:
    assert named("Key-List", URL) == ()


def test_metadata_that_readers_read_in_two_ways_names_nothing() -> None:
    with pytest.raises(EvidenceError):
        key_list_urls(b"Name: demo\nno field\nProject-URL: Key-List, https://keys.example/keys.json\n")


@pytest.mark.parametrize(
    ("field", "expected"),
    [("Dynamic: Project-URL", True), ("Dynamic: Version\nDynamic:  project-url ", True), ("Dynamic: License", False)],
)
def test_urls_may_be_left_to_the_build(field: str, *, expected: bool) -> None:
    assert leaves_urls_to_the_build(f"Name: demo\n{field}\n".encode()) is expected
    assert not leaves_urls_to_the_build(b"Name: demo\n")
