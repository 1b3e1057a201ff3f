"""A watch on what indexes serve: ``compare`` decides (pure), ``served`` and ``signed`` look, ``state`` remembers,
``watch`` runs it over any number of projects. Nothing is downloaded but index pages, key lists and statements.

Refused: a state that is not whole, a run in the place of another's state, and calling what could not be reached
"gone" or "unsigned".
"""
