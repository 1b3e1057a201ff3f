"""A key on paper: the seed as 24 words (BIP-39's encoding, with a checksum of eight bits) and as a QR code of them.

The words are the seed itself, neither encrypted nor hashed; BIP-39's further step, by which wallets make keys of such
words, is not taken. Of the words nothing is ever in a message.
"""

from __future__ import annotations

from pip_verify.errors import UsageError
from pip_verify.publish.extras import missing
from pip_verify.publish.wordlist import bip39

WORDS = 24

_EXTRA = "paper"
_COLUMNS = 4
_QUIET_ZONE = 4  # modules, ISO/IEC 18004
_BLOCKS = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}  # dark above, dark below
_BLACK_ON_WHITE, _RESET = "\x1b[30;107m", "\x1b[0m"


def words_of(seed: bytes) -> str:
    """The 24 words of 32 bytes, one space apart; raises UsageError when a library is missing."""
    return bip39(_EXTRA).to_mnemonic(seed)


def seed_of(text: str) -> bytes:
    """The 32 bytes of 24 words, in any case and with any white space between; raises UsageError."""
    book = bip39(_EXTRA)
    given = text.lower().split()
    strange = [number for number, word in enumerate(given, start=1) if word not in book.wordlist]
    if len(given) != WORDS:
        got = f"{len(given)} words"
    elif strange:
        got = f"word {strange[0]}, which is not on BIP-39's list"
    elif not book.check(" ".join(given)):
        got = "words whose checksum is wrong: one is mistyped, or two are swapped"
    else:
        return bytes(book.to_entropy(given))
    hint = "compare each word with the paper; the order counts, the numbers are left out"
    raise UsageError("paper backup", expected=f"{WORDS} words", got=got, hint=hint)


def page(seed: bytes, key: str, *, coloured: bool) -> str:
    """What goes on the paper: the public key, the words by number, the QR code.

    key: the public half in words. coloured: for a terminal, whose background may be dark.
    """
    words = words_of(seed)
    numbered = [f"{number:2} {word:<10}" for number, word in enumerate(words.split(" "), start=1)]
    rows = ["  ".join(numbered[at : at + _COLUMNS]).rstrip() for at in range(0, WORDS, _COLUMNS)]
    lines = [
        f"pip-verify paper backup of {key}",
        "Whoever reads this page can sign as you.",
        "To restore: pip-verify keygen --from-paper -o FILE",
        "",
        *rows,
        "",
    ]
    return "\n".join(lines) + "\n" + qr_code(words, coloured=coloured)


def qr_code(text: str, *, coloured: bool) -> str:
    """A QR code (ISO/IEC 18004) of ``text`` in half blocks, dark on light with its quiet zone.

    coloured: with escapes that make it so on a dark terminal, too. Raises UsageError when the library is missing.
    """
    try:
        import segno
    except ImportError as error:
        raise missing(_EXTRA, "segno") from error
    rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=_QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    lines = [
        "".join(_BLOCKS[above, below] for above, below in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
    start, end = (_BLACK_ON_WHITE, _RESET) if coloured else ("", "")
    return "".join(f"{start}{line}{end}\n" for line in lines)
