"""``python -m pip_verify``."""

import sys

from pip_verify.cli import main

if __name__ == "__main__":
    sys.exit(main())
