"""pip-verify installs only what a publisher you trust has signed.

The command line is the supported interface; ``docs/`` describes it. The package's modules are private.
"""

__version__ = "0.1.0"
