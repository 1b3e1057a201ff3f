"""Pin options and pin comments to ``InlinePin`` (docs/requirements.md).

Values are literal: no ``${VAR}``, no quotes. A malformed value is a UsageError; a well-formed key that is weak
is an EvidenceError, for whoever handed it out can let anybody sign. A comment that means to be a pin and is
none is an error, so that a typo cannot drop a pin; a comment behind a second ``#`` is commented out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from pip_verify.encoding import b64u_decode
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KEY_LIST_MAX_KEYS, TEXT_PREFIX, PublicKey
from pip_verify.pins import InlinePin, Origin
from pip_verify.requirements.options import LineContext, PinOption, find_pin_options

MAX_URL = 2000

_NAME_RE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_NUMBER_RE = re.compile(r"[1-9][0-9]{0,2}\Z")
_HTTPS_RE = re.compile(r"https://[A-Za-z0-9._~:/?\[\]@!$&()*+,;=%-]+\Z")  # RFC 3986's characters less # and '
_BLANK_FREE_RE = re.compile(r"[^ \t]+")
_PIN_COMMENT_RE = re.compile(r"[ \t]*pip-verify:(.*)\Z", re.DOTALL)
_INVISIBLE_RE = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*")
_LIKE_PIN_RE = re.compile(  # also with a misspelt label
    r"pip[ ._-]?verify|\S+?[ \t]*:[ \t]*--(?:key|key-list|threshold|signed-by)(?:[=\s]|\Z)", re.IGNORECASE
)
_PIN_INSIDE_RE = re.compile(r"#[ \t]*pip[ ._-]?verify[ \t]*:", re.IGNORECASE)


def build_pin(options: Sequence[PinOption], line: LineContext) -> InlinePin:
    """One pin of the options of one line, comment or command line; raises UsageError and EvidenceError."""
    values: dict[str, list[str]] = {}
    for option in options:
        if "${" in option.value:
            expected, hint = "pins written out; no ${VAR} is expanded in them", "write the value itself into the line"
            raise line.refusal(expected, got=option.value, hint=hint)
        values.setdefault(option.name, []).append(option.value)
    keys = _read_keys(values.pop("--key", []), line)
    single = {name: _only(name, stated, line) for name, stated in values.items()}
    if not keys and not single.keys() & {"--key-list", "--signed-by"}:
        hint = "add the one that says whose keys count"
        raise line.refusal("at least one of --key, --key-list and --signed-by", hint=hint)
    return InlinePin(
        keys=keys,
        key_list=check_key_list_url(single["--key-list"], line) if "--key-list" in single else None,
        threshold=_read_threshold(single["--threshold"], len(keys), line) if "--threshold" in single else None,
        signed_by=_read_name(single["--signed-by"], line) if "--signed-by" in single else None,
        origin=line.origin,
    )


def comment_pin(comment: str, line: LineContext) -> InlinePin | None:
    """The pin that a comment on a line of its own states, if it is one. comment: what follows the ``#``."""
    match = _PIN_COMMENT_RE.match(comment)
    if match is None:
        if _is_like_pin(comment):
            hint = "write '# pip-verify: --signed-by=NAME', or start the comment with another word"
            raise line.refusal("a pin comment", got=f"#{comment}", hint=hint)
        return None
    words = _BLANK_FREE_RE.findall(match.group(1))
    options = list(find_pin_options(words))
    if sum(option.last - option.first + 1 for option in options) < len(words):
        expected = "nothing but --key, --key-list, --threshold and --signed-by after '# pip-verify:'"
        raise line.refusal(expected, got=f"#{comment}", hint="a note goes on a comment line of its own")
    return build_pin(options, line)


def refuse_trailing_pin(comment: str, line: LineContext) -> None:
    """Refuse a pin in the comment behind a requirement: lockers and bots rewrite that line and drop it."""
    if _is_like_pin(comment):
        hint = "put the pin comment on a line of its own, directly below"
        raise line.refusal("no pin comment behind other text", got=f"#{comment}", hint=hint)


def parse_inline_options(argv: Sequence[str]) -> tuple[InlinePin | None, tuple[str, ...]]:
    """Take our pin options out of a command line (in full spelling, before ``--``).

    Returns the pin, None if there is none, and the other arguments in order. Raises UsageError, EvidenceError.
    """
    options = list(find_pin_options(argv))
    taken = {index for option in options for index in range(option.first, option.last + 1)}
    rest = tuple(word for index, word in enumerate(argv) if index not in taken)
    if not options:
        return None, rest
    literal = " ".join(f"{option.name}={option.value}" for option in options)
    return build_pin(options, LineContext(Origin("<command line>"), literal)), rest


def check_key_list_url(url: str, line: LineContext) -> str:
    """Return ``url`` if it can name a key list: absolute https, no credentials, no fragment; raises UsageError."""
    if url.lower().startswith("http:"):
        raise line.refusal("a key list over https; http is refused, loopback too", got=url, hint="write https://")
    try:
        parts = urlsplit(url)
        good = bool(_HTTPS_RE.match(url) and parts.hostname and parts.port != 0 and "@" not in parts.netloc)
    except ValueError:  # a port that is no number, brackets that do not close
        good = False
    if not good or len(url) > MAX_URL:
        expected = f"--key-list=https://... without user name, password and fragment, at most {MAX_URL} characters"
        raise line.refusal(expected, got=url, hint="write the address as the publisher tells it")
    return url


def _read_keys(texts: Sequence[str], line: LineContext) -> tuple[PublicKey, ...]:
    if len(texts) > KEY_LIST_MAX_KEYS:
        raise line.refusal(
            f"at most {KEY_LIST_MAX_KEYS} keys", hint="name the publisher's list: --key-list=https://..."
        )
    keys = tuple(_read_key(text, line) for text in texts)
    if len(set(keys)) < len(keys):
        raise line.refusal("each --key once: a threshold counts distinct keys", hint="leave out the second")
    return keys


def _read_key(text: str, line: LineContext) -> PublicKey:
    if not text.startswith(TEXT_PREFIX):
        raise _no_key(text, line)
    try:
        raw = b64u_decode(text[len(TEXT_PREFIX) :], "--key", length=32)
    except EvidenceError as error:
        raise _no_key(text, line) from error
    return PublicKey.from_raw(raw, f"{line.origin}: --key")


def _no_key(text: str, line: LineContext) -> UsageError:
    return line.refusal("--key=ed25519:<43 base64url characters>", got=text, hint="copy the publisher's key again")


def _only(name: str, stated: Sequence[str], line: LineContext) -> str:
    if len(stated) > 1:
        raise line.refusal(f"{name} once", hint="leave all but one of them out")
    return stated[0]


def _read_threshold(text: str, keys: int, line: LineContext) -> int:
    most = keys or KEY_LIST_MAX_KEYS
    if not _NUMBER_RE.match(text) or int(text) > most:
        reason = " (the keys given)" if keys else ""
        raise line.refusal(f"--threshold from 1 to {most}{reason}", got=text, hint="without it, one key is enough")
    return int(text)


def _read_name(text: str, line: LineContext) -> str:
    if not _NAME_RE.match(text):
        hint = "write NAME as it stands in [publishers.NAME] there"
        raise line.refusal("--signed-by=NAME, a publisher of the trust file", got=text, hint=hint)
    return text


def _is_like_pin(comment: str) -> bool:
    visible = _INVISIBLE_RE.sub("", comment, count=1)  # the first match is the one at the start
    if visible.startswith("#"):
        return False  # commented out
    return bool(_LIKE_PIN_RE.match(visible) or _PIN_INSIDE_RE.search(visible))
