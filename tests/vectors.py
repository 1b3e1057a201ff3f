"""Where the shared test vectors lie: ``PIP_VERIFY_VECTORS``, or ``../shared/vectors`` from the project's root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def vectors_dir(name: str) -> Path:
    """The folder ``name`` of the shared vectors; skips the calling test where they are absent (a user's checkout)."""
    stated = os.environ.get("PIP_VERIFY_VECTORS")
    root = Path(stated) if stated else Path(__file__).resolve().parent.parent.parent / "shared" / "vectors"
    if not (root / name).is_dir():
        pytest.skip(f"shared test vectors are not here (PIP_VERIFY_VECTORS or ../shared/vectors): {name}")
    return root / name
