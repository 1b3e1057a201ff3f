"""Requirement files with pins (docs/requirements.md): bytes in, requirements with file and line out.

``text`` decodes and joins lines, ``options`` splits a line's options, ``specifier`` reads what a requirement
names, ``pins`` builds pins, ``parse`` puts a file together, ``model`` holds the results. The grammar is pip's,
less everything that pip and another reader could take differently: that is a ``UsageError`` with file and line.
"""
