"""Runs that every report format renders: the snapshots, the schema and the table of exit codes are held to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pip_verify.artifact.name import Artifact, parse_filename
from pip_verify.errors import EvidenceError, PipVerifyError, SourceError, UsageError
from pip_verify.evidence import Place, PlaceKind
from pip_verify.keys import PublicKey
from pip_verify.pins import Origin
from pip_verify.verdict import CATALOGUE, Decision, Looked, Reason, Run, Verdict, exit_code
from tests.signer import Signer, sha256

SECRETS = ("s3cret", "t0ken")  # in the scenario "hostile"; no report may show them

ALICE = PublicKey.from_raw(Signer.of("alice").raw)
BOB = PublicKey.from_raw(Signer.of("bob").raw)
LINE = Origin("requirements.txt", 3)
TRUST_FILE = Origin("pip-verify.toml", 12)


def artifact(filename: str) -> Artifact:
    return parse_filename(filename, sha256=sha256(filename.encode()))


def place(kind: PlaceKind, location: str = "https://keys.example/releases/x.jws") -> Place:
    return Place(kind, location)


def signed(
    filename: str,
    publisher: str | None = "pallets",
    kind: PlaceKind = "releases",
    keys: tuple[PublicKey, ...] = (ALICE,),
) -> Verdict:
    where = place(kind, filename if kind == "in-wheel" else f"https://keys.example/releases/{filename}.jws")
    return Verdict(
        artifact(filename),
        Decision.ACCEPT,
        (Reason("PV001", filename, got="signed by " + ", ".join(key.text for key in keys)),),
        keys=keys,
        publishers=(publisher,) if publisher else (),
        place=where,
        origins=(TRUST_FILE,),
        looked=(Looked(where, "proved"),),
        by="signature",
        evidence="in-wheel" if kind == "in-wheel" else "release-statement",
        seconds=0.0125,
    )


def accepted(filename: str, by: str, code: str, **parts: str) -> Verdict:
    return Verdict(artifact(filename), Decision.ACCEPT, (Reason(code, filename, **parts),), by=by)


def source(project: str, kind: str, by: str, code: str) -> Verdict:
    where = Artifact(project, "", f"{project}-source", "vcs" if kind == "vcs" else "directory")
    return Verdict(where, Decision.ACCEPT, (Reason(code, where.filename),), by=by)


def refused(
    filename: str, *reasons: Reason, origins: tuple[Origin, ...] = (LINE,), looked: tuple[Looked, ...] = ()
) -> Verdict:
    codes = {reason.exit_code for reason in reasons}
    decision = Decision.UNDECIDED if codes == {14} else Decision.REJECT
    return Verdict(artifact(filename), decision, reasons, origins=origins, looked=looked, seconds=0.5)


def run(
    *verdicts: Verdict,
    command: str = "install",
    installed: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    errors: tuple[PipVerifyError, ...] = (),
    pip_exit_code: int | None = 1,
    mode: Literal["enforce", "report"] = "enforce",
    min_coverage: float | None = None,
    left_out: int = 0,
) -> Run:
    """A run whose exit code follows from its verdicts and errors, as ``Session.result`` has it; in report mode from
    its errors alone."""
    judged = [verdict.exit_code for verdict in verdicts] if mode == "enforce" else []
    codes = judged + [error.exit_code for error in errors]
    stopped = next((code for code in (2, 1) if code in codes), 0)
    code = exit_code(codes) or stopped or pip_exit_code or 0
    result = Run(
        command, verdicts, code, installed, warnings, errors, pip_exit_code, 1.25, mode, min_coverage, left_out
    )
    missed = mode == "enforce" and not code and min_coverage is not None and result.coverage < min_coverage
    return replace(result, exit_code=10) if missed else result


STRANGER = refused(
    "flask-3.0.3-py3-none-any.whl",
    Reason(
        "PV201",
        "https://keys.example/releases/flask/3.0.3.jws",
        expected=f"a key among {ALICE.text} (requirements.txt:3)",
        got=f"signed by another key, which calls itself {BOB.thumbprint}",
        hint="ask the publisher, by another way than the index, whether this key is theirs, before you change the pin",
    ),
    looked=(Looked(place("releases", "https://keys.example/releases/flask/3.0.3.jws"), "PV201"),),
)
NO_PIN = refused(
    "six-1.17.0-py2.py3-none-any.whl",
    Reason(
        "PV101",
        "six-1.17.0-py2.py3-none-any.whl",
        expected="a pin or an exemption",
        got="none",
        hint="find out who signs it and write, in a requirement file: six --key-list=<https URL>",
    ),
    origins=(),
)
NOTHING_FOUND = refused(
    "click-8.1.7-py3-none-any.whl",
    Reason("PV102", "click-8.1.7-py3-none-any.whl", expected="a signature by a key", got="none", hint="ask for one"),
    origins=(LINE, TRUST_FILE, LINE),
    looked=(
        Looked(place("statements-dir", "statements/click/8.1.7.jws"), "nothing"),
        Looked(place("releases", "https://keys.example/releases/click/8.1.7.jws"), "nothing"),
    ),
)
LIST_UNREACHED = refused(
    "jinja2-3.1.4-py3-none-any.whl",
    Reason(
        "PV501",
        "https://keys.example/keys.json",
        expected="an answer over HTTPS",
        got="no connection within 30 s",
        hint="try again; the same command is safe to repeat",
    ),
    looked=(Looked(place("releases"), "not reached"),),
)
BYTES_MISSING = replace(
    refused(
        "rsa-4.9.tar.gz",
        Reason("PV503", "rsa-4.9.tar.gz", "a sha256 digest", "none stated by the index", "download it"),
    ),
    artifact=parse_filename("rsa-4.9.tar.gz"),
)

FIRST_USE = replace(
    signed("anyio-4.6.0-py3-none-any.whl", None, keys=(BOB,)),
    reasons=(Reason("PV007", "anyio-4.6.0-py3-none-any.whl", got="recorded in pip-verify.lock"),),
    by="first-use",
    origins=(LINE,),
)
BY_DIGEST = Artifact("numpy", "2.1.3", "numpy 2.1.3 (sha256:5d3e...)", "file", sha256(b"numpy"))


def by_digest(*reasons: Reason) -> Verdict:
    """A file that a requirement file knows by its digest alone: what is refused has no file name yet."""
    return replace(refused("numpy-2.1.3.tar.gz", *reasons), artifact=BY_DIGEST)


# fmt: off
_NAMES = (
    "aiohttp", "attrs", "babel", "blinker", "certifi", "cffi", "charset-normalizer", "click", "cryptography",
    "docutils", "flask", "greenlet", "idna", "iniconfig", "itsdangerous", "jinja2", "jsonschema", "lxml", "mako",
    "markdown", "markupsafe", "msgpack", "packaging", "pillow", "pluggy", "pyparsing", "pyyaml", "requests", "rich",
    "sqlalchemy",
)
# fmt: on


def forty() -> Run:
    """A run of forty artifacts as a team would have it, with something of every kind; the HTML page shows it."""
    files = [f"{name.replace('-', '_')}-3.{number}.0-py3-none-any.whl" for number, name in enumerate(_NAMES)]
    downgraded = Reason(
        "PV205",
        "in-wheel",
        expected="release-statement, as seen for release line 2 (first seen 2026-09-14)",
        got="record-jws",
        hint="ask the publisher why; if it is meant: pip-verify unpin urllib3, then pip-verify pin urllib3 again",
    )
    swapped = Reason(
        "PV302",
        "https://keys.example/releases/markdown-it-py/3.0.0.jws",
        expected="sha256:" + sha256(b"what was signed"),
        got="sha256:" + sha256(b"what came"),
        hint="do not install it; compare with another mirror, and tell the publisher",
    )
    return run(
        *(signed(name, "pallets" if number % 3 else "encode") for number, name in enumerate(files)),
        FIRST_USE,
        STRANGER,
        NO_PIN,
        NOTHING_FOUND,
        LIST_UNREACHED,
        refused("urllib3-2.2.3-py3-none-any.whl", downgraded, origins=(Origin("pip-verify.lock", 31),)),
        refused("markdown_it_py-3.0.0-py3-none-any.whl", swapped, Reason("PV502", "https://mirror.example/m.jws")),
        by_digest(Reason("PV504", "numpy", "the file", "its digest alone", "pip-verify check --download")),
        accepted(
            "toml-0.10.2-py2.py3-none-any.whl",
            "exemption",
            "PV002",
            got="unsigned upstream",
            expected="until 2027-05-01",
        ),
        accepted("ply-3.11-py2.py3-none-any.whl", "hash", "PV003"),
        command="check",
        installed=("pip 26.3", "setuptools 80.1"),
        warnings=("a key list that expired 300 s ago is used (max-stale), because of https://keys.example/keys.json",),
        pip_exit_code=None,
        min_coverage=90,
    )


_ESC = "\x1b[2J\x1b[32mall is well\x1b[0m\r\npip-verify: 9 artifacts: 9 signed\x07\x9b1m\x7f"
_TROJAN = "\u202egnp.exe\u2066 \u2028\u00ad\u200b\u3164\ufe0f\u0085"
_WITH_SECRETS = "https://bob:s3cret@keys.example:8443/keys.json?signature=t0ken&x=1#t0ken"


def hostile() -> Run:
    """Texts that would draw over the terminal, or tell a secret, in every place where a text can stand."""
    text = f"{_ESC} {_TROJAN} {_WITH_SECRETS} \udcff"
    where = place("url", text)
    verdict = Verdict(
        Artifact(text, text, text, "sdist", None),
        Decision.REJECT,
        (Reason("PV201", text, text, text, text), Reason("PV304", text, text, text, text)),
        keys=(ALICE,),
        publishers=(text,),
        place=where,
        origins=(Origin(text, 1),),
        looked=(Looked(where, text),),
    )
    good = replace(verdict, decision=Decision.ACCEPT, by="signature")
    exempt = replace(good, by="exemption", reasons=(Reason("PV002", text, text, text, text),))
    errors = (UsageError(text, expected=text, got=text, hint=text),)
    return run(verdict, good, exempt, installed=(text,), warnings=(text,), errors=errors)


SCENARIOS: dict[str, Run] = {
    "accepted": run(
        signed("flask-3.0.3-py3-none-any.whl"),
        signed("click-8.1.7-py3-none-any.whl"),
        signed("httpx-0.28.1-py3-none-any.whl", "encode", "in-wheel"),
        signed("rsa-4.9-py3-none-any.whl", None, "statements-dir", (ALICE, BOB)),
        accepted(
            "six-1.17.0-py2.py3-none-any.whl",
            "exemption",
            "PV002",
            got="unsigned upstream",
            expected="until 2027-05-01",
        ),
        accepted("toml-0.10.2-py2.py3-none-any.whl", "exemption", "PV002", got="looked at by hand"),
        accepted("idna-3.10-py3-none-any.whl", "hash", "PV003"),
        accepted("demo-1.0-py3-none-any.whl", "built", "PV004", got="demo-1.0.tar.gz"),
        source("mine", "directory", "local", "PV005"),
        source("theirs", "vcs", "vcs", "PV006"),
        installed=("pip 26.3", "setuptools 80.1"),
        pip_exit_code=0,
    ),
    "refused": run(
        signed("werkzeug-3.0.4-py3-none-any.whl"),
        STRANGER,
        accepted("six-1.17.0-py2.py3-none-any.whl", "exemption", "PV002", got="unsigned upstream"),
        installed=("requests 2.32.3",),
    ),
    "unreached": run(signed("flask-3.0.3-py3-none-any.whl"), BYTES_MISSING, LIST_UNREACHED),
    "several_kinds": run(
        LIST_UNREACHED,
        NO_PIN,
        signed("werkzeug-3.0.4-py3-none-any.whl"),
        STRANGER,
        refused(
            "markupsafe-2.1.5.tar.gz",
            Reason(
                "PV302",
                "https://keys.example/m.jws: markupsafe-2.1.5.tar.gz",
                "sha256:" + "a" * 64,
                "sha256:" + "b" * 64,
            ),
            *(Reason("PV502", f"https://keys.example/{number}") for number in range(5)),
            origins=(LINE, TRUST_FILE),
        ),
        NOTHING_FOUND,
    ),
    "every_reason": run(
        *(
            refused(f"demo-1.{code[2:]}.tar.gz", Reason(code, f"demo-1.{code[2:]}.tar.gz", "this", "that", "do this"))
            for code, kind in CATALOGUE.items()
            if kind.exit_code
        )
    ),
    "many": run(
        *(refused(f"demo-1.{number}.tar.gz", Reason("PV101", f"demo-1.{number}.tar.gz")) for number in range(23)),
        *(signed(f"other-1.{number}.tar.gz", f"publisher-{number:02}") for number in range(12)),
        installed=tuple(f"project-{number} 1.0" for number in range(12)),
    ),
    "errors": run(
        warnings=(
            "the key list https://keys.example/keys.json could not be reached; its copy, expired 300 s ago, is used",
        ),
        errors=(
            UsageError("requirements.txt:3", expected="a name", got="'flask>='", hint="flask>=3"),
            SourceError(
                "https://keys.example/requirements.txt", expected="an answer over HTTPS", got="HTTP status 503"
            ),
            EvidenceError("key list", expected="public keys only", got='a private member "d"'),
            PipVerifyError("pip-verify has a fault", got="KeyError: 'x'"),
        ),
        pip_exit_code=None,
    ),
    "usage_error": run(errors=(UsageError("--key", expected="a key", got="none", hint="--key=ed25519:KEY"),)),
    "verify": run(STRANGER, signed("werkzeug-3.0.4-py3-none-any.whl"), command="verify", pip_exit_code=None),
    "swapped": run(
        refused("demo-1.0.tar.gz", Reason("PV308", "demo-1.0.tar.gz", "a receipt", "none")), pip_exit_code=1
    ),
    "pip_failed": run(signed("flask-3.0.3-py3-none-any.whl"), pip_exit_code=23),
    "nothing_to_do": run(installed=("flask 3.0.3",), pip_exit_code=0),
    "hostile": hostile(),
    "report_mode": run(STRANGER, NO_PIN, signed("werkzeug-3.0.4-py3-none-any.whl"), pip_exit_code=0, mode="report"),
    "report_mode_pip_failed": run(STRANGER, pip_exit_code=1, mode="report"),
    "report_mode_all_well": run(signed("werkzeug-3.0.4-py3-none-any.whl"), pip_exit_code=0, mode="report"),
    "report_mode_stopped": run(
        STRANGER,
        errors=(UsageError("--key", expected="a key", got="none", hint="--key=ed25519:KEY"),),
        pip_exit_code=None,
        mode="report",
    ),
    "report_mode_coverage": run(STRANGER, command="check", pip_exit_code=None, mode="report", min_coverage=50),
    "first_use": run(
        FIRST_USE,
        signed("flask-3.0.3-py3-none-any.whl"),
        refused("h11-0.14.0-py3-none-any.whl", Reason("PV204", "h11", ALICE.text, BOB.text, "pip-verify unpin h11")),
        refused("sniffio-1.3.1-py3-none-any.whl", Reason("PV108", "sniffio", "an entry in pip-verify.lock", "none")),
    ),
    "coverage": run(
        *(signed(f"demo-1.{number}-py3-none-any.whl") for number in range(41)),
        *(accepted(f"old-1.{number}.tar.gz", "exemption", "PV002", got="unsigned upstream") for number in range(3)),
        command="check",
        pip_exit_code=None,
        min_coverage=90,
    ),
    "coverage_missed": run(
        signed("flask-3.0.3-py3-none-any.whl"),
        accepted("six-1.17.0.tar.gz", "exemption", "PV002", got="unsigned upstream"),
        command="check",
        pip_exit_code=None,
        min_coverage=66.5,
        left_out=3,
    ),
    "digest_only": run(
        by_digest(Reason("PV504", "numpy", "the file", "its digest alone", "pip-verify check --download")),
        replace(signed("flask-3.0.3.tar.gz"), artifact=replace(artifact("flask-3.0.3.tar.gz"), kind="file")),
        replace(by_digest(Reason("PV110", "scipy", "==VERSION and --hash", "scipy>=1")), decision=Decision.REJECT),
        command="check",
        pip_exit_code=None,
    ),
    "installed": run(
        refused(
            "click-8.1.7-py3-none-any.whl",
            Reason("PV111", "click 8.1.7", "a receipt", "none", "reinstall it with pip-verify"),
        ),
        refused(
            "flask-3.0.3-py3-none-any.whl", Reason("PV311", "flask/app.py", "sha256:" + "a" * 64, "sha256:" + "b" * 64)
        ),
        signed("idna-3.10-py3-none-any.whl"),
        command="check",
        pip_exit_code=None,
    ),
    "forty": forty(),
}
