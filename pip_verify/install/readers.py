"""The standard library's archive readers, held: a net under pip's own functions that needs none of their names.

``may_read`` is asked with "read_zip" or "read_tar" and the file (open, or by name) before either opens an archive for
reading; it raises to refuse. Measured with pip 23.0 to 26.3: every archive is opened by one of these two.
Standard library only.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from typing import Any


def guard_readers(may_read: Callable[[str, Any], None]) -> None:
    """Ask ``may_read`` from now on, in this process."""
    original_init, original_open = zipfile.ZipFile.__init__, tarfile.TarFile.open.__func__  # type: ignore[attr-defined]

    def zip_init(zip_file: zipfile.ZipFile, file: Any, mode: Any = "r", *args: Any, **kwargs: Any) -> None:
        if mode == "r":
            may_read("read_zip", file)
        original_init(zip_file, file, mode, *args, **kwargs)

    def tar_open(cls: Any, name: Any = None, mode: str = "r", fileobj: Any = None, *args: Any, **kw: Any) -> Any:
        if mode.startswith("r"):
            may_read("read_tar", name if fileobj is None else fileobj)
        return original_open(cls, name, mode, fileobj, *args, **kw)

    zipfile.ZipFile.__init__ = zip_init  # type: ignore[method-assign,assignment]
    tarfile.TarFile.open = classmethod(tar_open)  # type: ignore[method-assign,assignment]
    tarfile.open = tarfile.TarFile.open
