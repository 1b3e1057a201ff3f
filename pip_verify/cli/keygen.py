"""``keygen``: a key at random, of a phrase, of words on paper or of an OpenSSH file becomes a key file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pip_verify.cli.passphrase import WHERE_FROM, read_passphrase, read_words, require_showable, show_secret
from pip_verify.cli.terminal import printing, say
from pip_verify.errors import UsageError

if TYPE_CHECKING:
    from pip_verify.publish.argon2 import Cost

_ORACLE = (
    "whoever has the public key can try passphrases against it, unseen and for ever; "
    "nothing but the passphrase's strength is in the way"
)


class _Made(NamedTuple):
    """What a key file is written of. passphrase: None keeps it in clear."""

    seed: bytes
    passphrase: bytes | None
    cost: Cost


def keygen(arguments: Sequence[str]) -> int:
    """Make a signing key."""
    options = _parser().parse_args(arguments)
    _refuse_what_does_not_fit(options)
    if options.generate_phrase:
        return _print_phrase(options)
    if options.paper:
        require_showable(anywhere=options.show_secret)
    if options.key_file is not None:
        return _print_paper(options)
    return _write_key(options)


def _parser() -> argparse.ArgumentParser:
    description = "Make an Ed25519 signing key; its file is encrypted with a passphrase."
    parser = argparse.ArgumentParser(prog="pip-verify keygen", description=description, allow_abbrev=False)
    parser.add_argument("-o", "--output", metavar="FILE", help="the new key file")
    parser.add_argument("--passphrase-file", metavar="FILE", help=WHERE_FROM)
    parser.add_argument("--no-passphrase", action="store_true", help="keep the key in clear")
    parser.add_argument("--keyring", action="store_true", help="put the passphrase into the system's keyring, too")
    _add_origins(parser.add_mutually_exclusive_group())
    parser.add_argument("--user", metavar="ADDRESS", help="whose key: of --from-passphrase and --teneo")
    parser.add_argument(
        "--counter", type=int, metavar="N", help="of --from-passphrase: the next number is the next key (else 1)"
    )
    parser.add_argument("--paper", action="store_true", help="print the key as words and as a QR code")
    parser.add_argument(
        "--show-secret", action="store_true", help="print a phrase or a paper backup where no terminal is, too"
    )
    return parser


def _add_origins(group: argparse._MutuallyExclusiveGroup) -> None:
    """Where the key comes from, if it is not random."""
    group.add_argument("--from-passphrase", action="store_true", help="the key of a strong phrase and an address")
    group.add_argument("--generate-phrase", action="store_true", help="print a phrase for --from-passphrase, no more")
    group.add_argument("--teneo", action="store_true", help="the key of passphrase-identity 2015v1")
    group.add_argument("--from-paper", action="store_true", help="the key of 24 words on standard input")
    group.add_argument("--import-openssh", metavar="FILE", help="the Ed25519 key of a private key file of OpenSSH")
    group.add_argument("--key-file", metavar="FILE", help="a key that there is already: for --paper")


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    derived = options.from_passphrase or options.teneo
    writes = not options.generate_phrase and options.key_file is None
    unread = options.no_passphrase and options.import_openssh is None  # else it opens the original
    rules = [
        (writes and options.output is None, "-o FILE", "none"),
        (not writes and options.output is not None, "no -o: nothing is written", "-o"),
        (options.key_file is not None and not options.paper, "--paper, with --key-file", "none"),
        (derived and options.user is None, "--user ADDRESS, which is part of the key", "none"),
        (not derived and options.user is not None, "--user with --from-passphrase or --teneo only", "--user"),
        (not options.from_passphrase and options.counter is not None, "--counter with --from-passphrase only", "it"),
        (derived and options.no_passphrase, "the passphrase that makes the key", "--no-passphrase"),
        (not writes and (options.no_passphrase or options.keyring), "no such option here", "one for a new key file"),
        (unread and options.passphrase_file is not None, "one of both", "--no-passphrase and a file"),
        (options.no_passphrase and options.keyring, "a passphrase for --keyring", "--no-passphrase"),
    ]
    for wrong, expected, got in rules:
        if wrong:
            raise UsageError("keygen", expected=expected, got=got, hint="pip-verify keygen --help")


def _print_phrase(options: argparse.Namespace) -> int:
    from pip_verify.publish.phrases import ENTROPY_BITS, RANDOM_WORDS, generate_phrase

    require_showable(anywhere=options.show_secret)
    show_secret(generate_phrase() + "\n")
    say(f"{RANDOM_WORDS} random words, {ENTROPY_BITS} bits of entropy, and a check word; write them down, all of them")
    return 0


def _print_paper(options: argparse.Namespace) -> int:
    """The backup of a key that there is."""
    from pip_verify.publish.keyfile import SigningKey, load_seed

    seed = load_seed(Path(options.key_file), lambda: read_passphrase(options.passphrase_file))
    show_secret(_page(seed, SigningKey(seed).public.text))
    return 0


def _write_key(options: argparse.Namespace) -> int:
    from pip_verify.publish.keyfile import SigningKey, store
    from pip_verify.publish.sshwire import public_line

    path = Path(options.output)
    _refuse_early(path, keyring=options.keyring)
    seed, passphrase, cost = _origin(options)(options)
    backup = _page(seed, SigningKey(seed).public.text) if options.paper else ""
    key = store(path, seed, passphrase, cost=cost)
    try:
        with printing(f"wrote {options.output}, whose key is {key}"):
            sys.stdout.write(f"{key.text}\n")
            show_secret(backup)
        if options.teneo or options.import_openssh is not None:
            say(f"to OpenSSH it is {public_line(key)}")
        _say_written(options)
    finally:
        if options.keyring and passphrase is not None:
            from pip_verify.publish.systemkeyring import remember

            remember(key, passphrase)
    return 0


def _refuse_early(path: Path, *, keyring: bool) -> None:
    """Before anybody types a passphrase twice: what would be refused behind it. ``store`` looks again."""
    if os.path.lexists(path):
        hint = "choose another path, or move the old file away yourself"
        raise UsageError(str(path), expected="no file here yet", got="an existing file", hint=hint)
    if keyring:
        from pip_verify.publish.systemkeyring import require_keyring

        require_keyring()


def _origin(options: argparse.Namespace) -> Callable[[argparse.Namespace], _Made]:
    if options.from_passphrase:
        return _of_phrase
    if options.teneo:
        return _of_teneo
    if options.from_paper:
        return _of_paper
    return _of_openssh if options.import_openssh is not None else _at_random


def _of_phrase(options: argparse.Namespace) -> _Made:
    """The file is encrypted with the phrase at the price at which the key is made: it makes no guess cheaper. In its
    one spelling, as the key is: what makes this key opens this file."""
    from pip_verify.publish.argon2 import SENSITIVE
    from pip_verify.publish.derived import derive_seed, normalise_address, spell_phrase
    from pip_verify.publish.phrases import require_strong

    address = normalise_address(options.user)
    say(f"warning: {_ORACLE}")
    phrase = spell_phrase(_as_text(read_passphrase(options.passphrase_file, twice=True)))
    require_strong(phrase, address)
    counter = 1 if options.counter is None else options.counter
    return _Made(derive_seed(phrase, address, counter), phrase.encode("utf-8"), SENSITIVE)


def _of_teneo(options: argparse.Namespace) -> _Made:
    from pip_verify.publish.argon2 import SENSITIVE
    from pip_verify.publish.teneo import teneo_seed

    say(f"warning: {_ORACLE}, and this scheme does not ask how strong it is")
    passphrase = read_passphrase(options.passphrase_file, twice=True)
    return _Made(teneo_seed(options.user, passphrase), passphrase, SENSITIVE)


def _of_paper(options: argparse.Namespace) -> _Made:
    from pip_verify.publish.paper import seed_of

    return _with_new_passphrase(options, seed_of(read_words()))


def _of_openssh(options: argparse.Namespace) -> _Made:
    from pip_verify.publish.argon2 import MODERATE
    from pip_verify.publish.openssh import read_seed

    path = options.import_openssh
    given: list[bytes] = []

    def ask() -> bytes:
        given.append(read_passphrase(options.passphrase_file, prompt=f"Passphrase of {path}: "))
        return given[0]

    seed = read_seed(Path(path), ask)
    if given and options.passphrase_file is not None and not options.no_passphrase:
        return _Made(seed, given[0], MODERATE)  # a pipe can be read once only
    return _with_new_passphrase(options, seed)


def _at_random(options: argparse.Namespace) -> _Made:
    from pip_verify.publish.keyfile import new_seed

    return _with_new_passphrase(options, new_seed())


def _with_new_passphrase(options: argparse.Namespace, seed: bytes) -> _Made:
    from pip_verify.publish.argon2 import MODERATE

    if options.no_passphrase:
        return _Made(seed, None, MODERATE)
    hint = "pip-verify keygen --no-passphrase makes a key without one"
    prompt = f"Passphrase for {options.output}: "
    return _Made(seed, read_passphrase(options.passphrase_file, prompt=prompt, twice=True, hint=hint), MODERATE)


def _as_text(passphrase: bytes) -> str:
    try:
        return passphrase.decode("utf-8")
    except UnicodeDecodeError:
        # from None: that error carries the passphrase
        hint = "save the passphrase's file as UTF-8, or type it in a terminal that is set to UTF-8"
        raise UsageError("passphrase", expected="text in UTF-8", got="other bytes", hint=hint) from None


def _page(seed: bytes, key: str) -> str:
    from pip_verify.publish.paper import page

    text = page(seed, key, coloured=sys.stdout.isatty())
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        # from None: that error carries the whole page
        hint = "PYTHONUTF8=1, if the terminal shows UTF-8"
        raise UsageError("standard output", expected="UTF-8", got=sys.stdout.encoding, hint=hint) from None
    return text


def _say_written(options: argparse.Namespace) -> None:
    if options.from_passphrase or options.teneo:
        say(f"wrote {options.output}; if you had this key before, compare it: a slip makes another key")
    else:
        say(f"wrote {options.output}; keep a copy where a lost laptop cannot take it along")
    if options.no_passphrase:
        say(f"warning: {options.output} holds the private key in clear: whoever reads it can sign as you")
