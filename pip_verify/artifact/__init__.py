"""Artifacts: the files pip would install or build.

``name`` reads what a file name states, ``zipfmt`` the structure of a zip file, ``record`` and ``wheel``
what a wheel must be, ``sdist`` what a source distribution's members may be. Bytes come in, facts go out;
what is irregular is an EvidenceError that names the entry and the rule.
"""
