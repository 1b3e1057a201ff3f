"""A judge that knows no policy and no cache: for commands that find out who signs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pip_verify.cli.terminal import say
from pip_verify.config import Settings, pip_network_settings
from pip_verify.judge import Judge
from pip_verify.policy import EMPTY_POLICY
from pip_verify.sources.https import Fetcher
from pip_verify.sources.keylists import KeyListStore
from pip_verify.sources.statements import StatementStore


def fresh_judge(settings: Settings, cache: Path) -> tuple[Judge, KeyListStore]:
    """The judge, and the key lists it asks. cache: an empty directory, which must outlive both."""
    fetcher = Fetcher(
        extra_ca=[settings.extra_ca] if settings.extra_ca else [], defaults=lambda: pip_network_settings(os.environ)
    )
    key_lists = KeyListStore(fetcher, cache / "key-lists", clock=time.time, deadline_seconds=settings.deadline)
    statements = StatementStore(fetcher, cache / "statements", deadline_seconds=settings.deadline)
    judge = Judge(EMPTY_POLICY, key_lists, statements, statements_dir=settings.statements, clock=time.time, warn=say)
    return judge, key_lists
