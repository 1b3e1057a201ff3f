"""What a requirement names: PEP 508, URLs, paths, editables."""

from __future__ import annotations

import pytest

from pip_verify.requirements.specifier import MAX_SPECIFIER, is_vcs
from tests.requirements.support import SHA256, one, refused

WHEEL = "Demo_Pkg-1.0.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("line", "project", "version"),
    [
        ("Demo_Pkg == 1.0.0", "demo-pkg", "1.0.0"),
        ("demo==1.0.post01", "demo", "1.0.post1"),
        ("demo===1.0", "demo", "1.0"),
        ("demo == 1!2.0+Local-1", "demo", "1!2.0+local.1"),
        ("demo (==1.0)", "demo", "1.0"),
        ("demo", "demo", None),
        ("demo>=1.0", "demo", None),
        ("demo~=1.0", "demo", None),
        ("demo==1.*", "demo", None),
        ("demo==1.0,>=0.5", "demo", None),
        ("demo===1.0,>=0.5", "demo", None),
        ("a.b-c__d>1", "a-b-c-d", None),
    ],
)
def test_a_project_and_the_version_that_a_single_equal_sign_fixes(line: str, project: str, version: str | None) -> None:
    requirement = one(line)
    assert (requirement.project, requirement.exact_version) == (project, version)
    assert (requirement.url, requirement.marker, requirement.extras, requirement.editable) == (None, None, (), False)
    assert requirement.specifier == line


def test_markers_and_extras() -> None:
    requirement = one('demo [Two_B, one,two-b] >= 1 ; python_version<"3.9" and extra == "a;b"')
    assert requirement.extras == ("one", "two-b")
    assert requirement.marker == 'python_version < "3.9" and extra == "a;b"'


@pytest.mark.parametrize(
    "line",
    [
        'demo=="1.0"',
        "demo==1.0#x",
        "demo=1.0",
        "demo 1.0",
        "demo ;",
        "demo ; frob == 'x'",
        "demo; python_version",
        "demo[",
        "-demo"[1:] + "-",
        "demo==1.0.",
        "demo==one",
        f"demo==1.0\t--hash=sha256:{SHA256}",
        f"demo===1.0\t--hash=sha256:{SHA256}",
        "d\xe9mo==1.0",
        "\u0434emo==1.0",
        "good\u212apkg==1.0",
        "demo[\u212a]==1.0",
        "demo; extra == '\xe9'",
        "demo==\u0661.0",
        "demo; extra == '\\x'",
        "demo; extra == '\\x61'",
        "demo; " + "(" * 1500 + "extra=='a'" + ")" * 1500,
    ],
)
def test_what_pep_508_does_not_know_is_refused(line: str) -> None:
    assert refused(line).expected == "a requirement by PEP 508 in ASCII, a URL or a path"


@pytest.mark.parametrize("version", ["one", "1.0[a]", "1.*", "1.0'", ">=1.0"])
def test_free_text_after_three_equal_signs_is_refused(version: str) -> None:
    for line in (f"demo==={version}", f"demo==={version},>=1"):
        assert refused(line).expected in (
            "a PEP 440 version after ===",
            "a requirement by PEP 508 in ASCII, a URL or a path",
        )


def test_a_tab_before_an_option_is_explained() -> None:
    assert "not tabs" in refused("demo==1.0\t--pre").hint


def test_a_requirement_beyond_the_cap_is_refused() -> None:
    assert one("demo>=" + "1" * (MAX_SPECIFIER - 6)).project == "demo"
    assert "at most" in refused("demo>=" + "1" * (MAX_SPECIFIER - 5)).expected
    assert "at most" in refused("-e ./" + "1" * MAX_SPECIFIER).expected


@pytest.mark.parametrize(
    ("line", "project", "version", "url"),
    [
        (f"demo-pkg @ https://h.example/{WHEEL}", "demo-pkg", "1.0.0", f"https://h.example/{WHEEL}"),
        ("demo@https://h.example/demo-1.0.tar.gz", "demo", None, "https://h.example/demo-1.0.tar.gz"),
        ("demo @ https://h.example/archive/v1.zip", "demo", None, "https://h.example/archive/v1.zip"),
        ("demo @ git+https://h.example/r.git@abc", "demo", None, "git+https://h.example/r.git@abc"),
        ("demo @ file:///srv/demo-1.0.tar.gz", "demo", None, "file:///srv/demo-1.0.tar.gz"),
        (f"https://h.example/a/{WHEEL}", "demo-pkg", "1.0.0", f"https://h.example/a/{WHEEL}"),
        (
            f"HTTPS://h.example/{WHEEL}?x=1#egg=demo.pkg",
            "demo-pkg",
            "1.0.0",
            f"HTTPS://h.example/{WHEEL}?x=1#egg=demo.pkg",
        ),
        (
            "https://h.example/demo%2D1.0-py3-none-any.whl",
            "demo",
            "1.0",
            "https://h.example/demo%2D1.0-py3-none-any.whl",
        ),
        ("https://h.example/demo-1.0.tar.gz", None, None, "https://h.example/demo-1.0.tar.gz"),
        ("https://h.example/demo-1.0.tar.gz#egg=Demo", "demo", None, "https://h.example/demo-1.0.tar.gz#egg=Demo"),
        ("https://h.example", None, None, "https://h.example"),
        ("http://[::1]:8000/x.zip", None, None, "http://[::1]:8000/x.zip"),
        ("file:./dir", None, None, "file:./dir"),
        (
            "git+ssh://git@h.example/r.git#egg=demo&subdirectory=a",
            "demo",
            None,
            "git+ssh://git@h.example/r.git#egg=demo&subdirectory=a",
        ),
        ("git+file:///srv/other-1.0.zip#egg=demo", "demo", None, "git+file:///srv/other-1.0.zip#egg=demo"),
        ("git+https://h.example/r", None, None, "git+https://h.example/r"),
        (".", None, None, "."),
        ("./sub dir", None, None, "./sub dir"),
        ("sub/gr\xf6\xdfe", None, None, "sub/gr\xf6\xdfe"),
        ("C:\\dir\\demo-1.0-py3-none-any.whl", "demo", "1.0", "C:\\dir\\demo-1.0-py3-none-any.whl"),
        (f"/srv/{WHEEL}", "demo-pkg", "1.0.0", f"/srv/{WHEEL}"),
        (WHEEL, "demo-pkg", "1.0.0", WHEEL),
        (f"{WHEEL}/", "demo-pkg", "1.0.0", f"{WHEEL}/"),
        (f"{WHEEL}/x/..", "demo-pkg", "1.0.0", f"{WHEEL}/x/.."),
        ("demo-1.0.tar.gz", None, None, "demo-1.0.tar.gz"),
        ("demo.ZIP", None, None, "demo.ZIP"),
    ],
)
def test_urls_and_paths(line: str, project: str | None, version: str | None, url: str) -> None:
    requirement = one(line)
    assert (requirement.project, requirement.exact_version, requirement.url) == (project, version, url)
    assert (requirement.specifier, requirement.marker, requirement.extras) == (line, None, ())


@pytest.mark.parametrize(
    ("line", "extras", "marker"),
    [
        ("demo[B,a] @ https://h.example/demo.zip ; os_name=='nt'", ("a", "b"), 'os_name == "nt"'),
        ("https://h.example/demo.zip ; os_name=='nt'", (), 'os_name == "nt"'),
        ("./demo.zip;os_name=='nt'", (), 'os_name == "nt"'),
        (".[B, a] ; os_name=='nt'", ("a", "b"), 'os_name == "nt"'),
        (f"./{WHEEL} [a]", ("a",), None),
        ("demo.zip[a]", ("a",), None),
    ],
)
def test_urls_and_paths_with_extras_and_markers(line: str, extras: tuple[str, ...], marker: str) -> None:
    requirement = one(line)
    assert (requirement.extras, requirement.marker) == (extras, marker)
    assert requirement.url is not None
    assert not any(char in requirement.url for char in "[; ")


@pytest.mark.parametrize(
    "line",
    [
        f"https://h.example/{WHEEL}#egg=other",
        f"file:///srv/{WHEEL}#egg=other",
        "https://h.example/other-1.0.tar.gz#egg=demo",
        f"demo @ https://h.example/{WHEEL}",
        "demo @ https://h.example/other-1.0.tar.gz",
        "demo @ https://h.example/x.zip#egg=other",
        "demo @ git+https://h.example/r#egg=other",
        "https://h.example/demo/a%2Fother-1.0-py3-none-any.whl#egg=a",
    ],
)
def test_a_url_that_names_two_projects_is_refused(line: str) -> None:
    assert refused(line).expected == "one project in name, #egg= and file name"


@pytest.mark.parametrize(
    "fragment",
    [
        "sha256=00",
        "sha265=" + SHA256,
        "md5=" + "0" * 32,
        "sha1=" + "0" * 40,
        "SHA256=" + SHA256,
        "egg=demo&egg=other",
        "egg=demo&egg=demo",
        "egg=",
        "egg",
        "subdirectory=",
        "key=x",
        "egg=demo&&subdirectory=x",
        "subdirectory=x#egg=demo",
        "egg=demo;subdirectory=x",
        "egg=demo[x]",
        "egg=\u212a",
        "egg=demo==1.0",
    ],
)
def test_a_fragment_that_pip_would_ignore_or_take_as_a_weak_digest_is_refused(fragment: str) -> None:
    refused(f"git+https://h.example/demo#{fragment}")


def test_a_good_digest_in_a_fragment_and_a_marker_behind_a_blank() -> None:
    url = f"file:///srv/demo-1.0-py3-none-any.whl#sha256={SHA256}"
    requirement = one(f'demo @ {url} ; python_version > "3"')
    assert (requirement.url, requirement.marker, requirement.hashes) == (url, 'python_version > "3"', ())


@pytest.mark.parametrize("query", ["a=1&egg=other", "a=1&sha256=" + SHA256, "a=1&md5=0", "&subdirectory=x"])
def test_what_pip_reads_as_a_fragment_in_a_query_is_refused(query: str) -> None:
    assert "query" in refused(f"https://h.example/demo-1.0.tar.gz?{query}").expected


@pytest.mark.parametrize(
    "line",
    [
        "ftp://h.example/demo.zip",
        "javascript:x",
        "git://h.example/r",
        "ssh://h.example/r",
        "demo @ ./demo.zip",
        "demo @ demo.zip",
        "demo @ C:/demo.zip",
        "https:///demo.zip",
        "git+https://h.example/demo-1.0-py3-none-any.whl",
        "git+https://h.example/demo-1.0-py3-none-any.WHL/",
        "https:demo.zip",
        "git+https:demo",
        "https://[::1/demo.zip",
        "https://h.example/a b.zip",
        "https://h.example/demo.zip[a]",
        "https://h.example/demo.zip?a[]=1",
        "demo @ https://[::1]",
        "demo @ https://[::1]/x/..",
        "demo @ git+https://h.example/r#subdirectory=[a]",
        "https://h.example\\@evil.example/demo.zip",
        "https://h\xe4.example/demo.zip",
        "https://h.example/a;b.zip",
        "https://h.example/demo.zip;os_name=='nt'",
        "https://h.example/demo.zip; os_name=='nt'",
        "https://h.example/demo.zip ;os_name=='nt'",
        "https://h.example/demo.zip ; ",
        "https://h.example/demo.zip ; frob",
        "demo @ https://h.example/demo.zip;os_name=='nt'",
        "demo @ https://h.example/demo.zip; os_name=='nt'",
        "https://h.example/demo.whl",
        "https://h.example/demo-1.0-py3-none-any.WHL",
        "https://h.example/demo-1.0-py3-none-any.tar.whl",
        "./demo.whl",
        "./demo-1.0-py3-none-any.tar.whl",
        "ht\ttps://h.example/demo.zip",
        "demo===1.0.zip",
        "demo===1.0/a",
        "demo===1.0\\a",
        "demo>=1.tar.gz",
        "demo[a]===1.0.zip",
        "./a#egg=demo",
        "./a\tb",
        "\\file:///srv/demo.zip",
        "./https://h.example/demo.zip",
        "./a ; frob",
        "./a ; extra == '\\x61'",
        "./a ; extra == '\xe9'",
        ".[a b]",
        ".[\u212a]",
        "./a[b]/",
        "./a[b]c",
        "./a; " + "(" * 1500 + "extra=='a'" + ")" * 1500,
    ],
)
def test_urls_and_paths_that_readers_take_differently_are_refused(line: str) -> None:
    refused(line)


def test_what_pip_takes_for_no_archive_is_a_project() -> None:
    assert one("demo.tar.zip").project == "demo-tar-zip"
    assert one("demo.gz").project == "demo-gz"
    assert one("demo-1.0-py3-none-any.tar.whl").project == "demo-1-0-py3-none-any-tar-whl"


@pytest.mark.parametrize(
    ("value", "project", "url", "extras"),
    [
        (".", None, ".", ()),
        ("./demo-1.0-py3-none-any.whl", None, "./demo-1.0-py3-none-any.whl", ()),
        ("demo", None, "demo", ()),
        ("sub[B,a]", None, "sub", ("a", "b")),
        ("git+https://h.example/r@v1#egg=Demo", "demo", "git+https://h.example/r@v1#egg=Demo", ()),
        ("file:///srv/demo#egg=demo", "demo", "file:///srv/demo#egg=demo", ()),
        ("'demo[a] @ git+https://h.example/r ; os_name == \"nt\"'", "demo", "git+https://h.example/r", ("a",)),
    ],
)
def test_editables(value: str, project: str | None, url: str, extras: tuple[str, ...]) -> None:
    for line in (f"-e {value}", f"--editable={value}", f"-e{value}"):
        requirement = one(line)
        assert (requirement.project, requirement.url, requirement.extras) == (project, url, extras)
        assert requirement.editable
        assert requirement.exact_version is None
        assert requirement.specifier == value.strip("'")


def test_an_editable_marker_is_kept() -> None:
    assert one("-e 'demo @ git+https://h.example/r ; os_name == \"nt\"'").marker == 'os_name == "nt"'


@pytest.mark.parametrize(
    "value",
    [
        "https://h.example/demo.zip",
        "'demo @ https://h.example/demo.zip'",
        "FILE:///srv/demo",
        "'. ; os_name == \"nt\"'",
        "'git+https://h.example/r ; os_name'",
        "./a#egg=demo",
        "' .'",
        "[a]",
        "git+https://h.example/r#egg=demo[a]",
    ],
)
def test_an_editable_that_is_no_checkout_is_refused(value: str) -> None:
    refused(f"-e {value}")


def test_version_control_urls_are_known_by_their_scheme() -> None:
    assert is_vcs("git+https://h.example/r")
    assert is_vcs("HG+ssh://h.example/r")
    assert not is_vcs("https://h.example/git+https:")
    assert not is_vcs("git://h.example")
    assert not is_vcs(None)


def test_a_password_in_a_url_is_not_shown() -> None:
    error = refused("https://me:s3cret@h.example/a b.zip")
    assert "s3cret" not in str(error)
    error = refused("https://me:${PASSWORD}@h.example/a b.zip", PASSWORD="s3cret")
    assert "s3cret" not in str(error) + error.hint
