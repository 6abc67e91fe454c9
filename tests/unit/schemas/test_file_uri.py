import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_schemas.file_uri import InvalidFileUriError, path_to_uri, uri_to_path

names = st.binary(min_size=1).filter(lambda name: b"/" not in name and b"\0" not in name)
paths = st.lists(names, max_size=5).map(lambda parts: os.fsdecode(b"/" + b"/".join(parts)))


@given(path=paths)
def test_every_path_of_a_host_survives_the_way_there_and_back(path: str) -> None:
    assert uri_to_path(path_to_uri(path)) == path


@given(path=paths)
def test_a_uri_is_plain_ascii_without_spaces_or_marks_that_mean_something_else(path: str) -> None:
    uri = path_to_uri(path)
    assert uri.startswith("file:///")
    assert uri.isascii()
    assert not set(uri) & set(' ?#[]{}|\\^"<>`')


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/", "file:///"),
        ("/a b", "file:///a%20b"),
        ("/100%", "file:///100%25"),
        ("/what?#", "file:///what%3F%23"),
        ("/ü", "file:///%C3%BC"),
        ("/b\udcff", "file:///b%FF"),
        ("/a:b@c,d;e=f&g+h~i", "file:///a:b@c,d;e=f&g+h~i"),
    ],
)
def test_only_what_a_uri_cannot_hold_is_percent_encoded(path: str, uri: str) -> None:
    assert path_to_uri(path) == uri


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a b", "/a b"),
        ("file:///ü", "/ü"),
        ("FILE:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file:////a", "//a"),
        ("file:///a%2Fb", "/a/b"),
        ("file:///a/../b/./c", "/a/../b/./c"),
        ("file:///100%", "/100%"),
        ("file:///%zz", "/%zz"),
    ],
)
def test_what_others_write_is_read_as_it_is_meant(uri: str, path: str) -> None:
    assert uri_to_path(uri) == path


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/a",
        "a/b",
        "file",
        "file:",
        "file:a",
        "file:/a",
        "file://",
        "file://localhost",
        "file://otherhost/a",
        "file:///a%00b",
        "file:///a\0b",
        "file:///a?b",
        "file:///a#b",
        "file://?/a",
        "http:///a",
        "https://localhost/a",
        "/file:///a",
    ],
)
def test_what_names_no_path_of_this_host_is_refused_by_name(uri: str) -> None:
    with pytest.raises(InvalidFileUriError, match=r"^cannot use") as caught:
        uri_to_path(uri)
    assert caught.value.uri == uri


@given(uri=st.text())
def test_any_text_is_an_absolute_path_or_refused(uri: str) -> None:
    try:
        path = uri_to_path(uri)
    except InvalidFileUriError:
        return
    assert path.startswith("/")
    assert "\0" not in path


@given(rest=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_after_the_scheme_is_an_absolute_path_or_refused(rest: str) -> None:
    try:
        path = uri_to_path("file:///" + rest)
    except InvalidFileUriError:
        return
    assert path.startswith("/")
    assert "\0" not in path


@pytest.mark.parametrize("path", ["", "a", "./a", "~"])
def test_a_relative_path_has_no_uri(path: str) -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        path_to_uri(path)
