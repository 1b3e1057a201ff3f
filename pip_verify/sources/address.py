"""URLs as users and publishers state them: which may be asked, and how they are shown."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from pip_verify.errors import UsageError

_ENCODE = "percent-encode them: a blank is %20, a host name's other letters are punycode (xn--...)"
_FORM = "write it as https://HOST/PATH or https://HOST:PORT/PATH"
# urlsplit and urllib3 read backslashes, white space and control characters differently, so none may come
_URL_RE = re.compile(r"[!-\[\]-~]+\Z")
# What can have an address: labels of up to 63 characters, 253 in all (RFC 1035 section 2.3.4). With the underscore,
# which some private networks use; percent-encoding and Unicode, which RFC 3986 would allow, name no host.
_HOST_RE = re.compile(r"(?=.{1,253}\.?\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?\Z")


@lru_cache(maxsize=65536)  # a gate asks for the same few hundred URLs thousands of times; errors are not kept
def check_url(url: str) -> None:
    """Raise UsageError unless ``url`` is an https URL with a host, without credentials, in ASCII."""
    expected = "an https URL"
    if not _URL_RE.match(url):
        got = "characters that no URL holds (RFC 3986)"
        raise UsageError(ascii(redact(url)), expected=expected, got=got, hint=_ENCODE)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(redact(url), expected=expected, got="a malformed host or port", hint=_FORM) from error
    if parts.scheme != "https" or not parts.hostname or port == 0:
        got = f"{parts.scheme or 'no scheme'}://" if parts.scheme != "https" else "no host and port"
        raise UsageError(redact(url), expected=expected, got=got, hint="use an https:// address")
    if not _is_host(parts.hostname, literal="[" in parts.netloc):
        got = "a host name that can have no address (RFC 1035)"
        raise UsageError(redact(url), expected=expected, got=got, hint=_FORM)
    if "@" in parts.netloc:
        hint = "take them out of the URL and put them into your netrc file"
        raise UsageError(redact(url), expected="a URL without credentials", got="a user name in it", hint=hint)


def _is_host(name: str, *, literal: bool) -> bool:
    """literal: it stood in brackets, as IPv6 addresses do."""
    if not literal:
        return bool(_HOST_RE.match(name))
    try:
        return bool(IPv6Address(name))
    except ValueError:
        return False


def redact(url: str) -> str:
    """``url`` for messages: credentials, query and fragment, which may hold secrets, left out."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    # the last @ before the path; also where a malformed URL lacks the scheme or the slashes
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*:)?(/*)[^/]*@", r"\1\2", bare)[:200]
