"""Lock files: bytes come in, what they allow goes out as values (``model``). One module a format; nothing is judged.

Refused: a file cut off, of an unknown version, with duplicate entries, or with a digest that is none.
"""
