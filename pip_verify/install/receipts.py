"""The receipt on disk: ``pip-verify.json`` in the ``.dist-info`` of what was just installed (docs/receipts.md).

In: the open wheel, pip's scheme, and the receipt's content as the parent gave it. Out: the file, and its row in the
installed RECORD, so that ``pip uninstall`` removes it. Refused: a wheel that brings such a file itself, and anything
but a regular file in its place. If it cannot be written, what was installed is taken away again.

Standard library and pip only.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from .table import SeamMissing, import_module

NAME = "pip-verify.json"
_SIGNATURE = "release.jws"


class CannotWrite(Exception):
    """There can be no receipt, so nothing may be installed; its text says why."""


def own_receipt(wheel: zipfile.ZipFile) -> str | None:
    """The member of a wheel that is, or on some file system becomes, a receipt of the publisher's own making."""
    return next((name for name in wheel.namelist() if _folded(name).endswith(f".dist-info/{NAME}")), None)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


class Layout:
    """Where this pip installs a wheel to; raises SeamMissing when pip's own two functions for that are not there."""

    def __init__(self) -> None:
        self._parse = self._find("pip._internal.utils.wheel", "parse_wheel")
        self._is_pure = self._find("pip._internal.operations.install.wheel", "wheel_root_is_purelib")

    @staticmethod
    def _find(module: str, name: str) -> Callable[..., Any]:
        found = getattr(import_module(module), name, None)
        if not callable(found):
            raise SeamMissing(f"{module}.{name}")
        return found  # type: ignore[no-any-return]

    def of(self, wheel: zipfile.ZipFile, project: str, scheme: Any) -> tuple[str, str]:
        """The directory the wheel's files go to, and in it the name of the ``.dist-info`` directory."""
        folder, headers = self._parse(wheel, project)
        return (scheme.purelib if self._is_pure(headers) else scheme.platlib), folder


class ReceiptFile:
    """The receipt of one wheel that pip is about to install into ``library``; folder: its ``.dist-info``.

    Raises CannotWrite when something else than a regular file has its place.
    """

    def __init__(self, wheel: zipfile.ZipFile, library: str, folder: str) -> None:
        self._library = library
        self._directory = os.path.join(library, folder)
        self._own, self._record = f"{folder}/{NAME}", f"{folder}/RECORD"
        self._path, self._record_path = os.path.join(library, self._own), os.path.join(library, self._record)
        try:
            record = wheel.read(self._record)
            signed = _digest_without(record, (f"{folder}/{_SIGNATURE}", self._record))
        except (KeyError, ValueError, csv.Error, zipfile.BadZipFile) as error:
            raise CannotWrite(f"the wheel's {self._record} cannot be read ({error})") from error
        self._digests = {
            "wheel_record_sha256": hashlib.sha256(record).hexdigest(),
            "wheel_record_signed_sha256": signed,
        }
        if os.path.lexists(self._path) and not stat.S_ISREG(os.lstat(self._path).st_mode):
            raise CannotWrite(f"{self._path} is no regular file; remove it")

    def write(self, document: dict[str, Any]) -> None:
        """Write the receipt, when pip has installed the wheel. If it fails, what was installed is taken away.

        document: what the parent says of these bytes. Raises CannotWrite.
        """
        try:
            self._write(document)
        except BaseException as error:
            self._take_back()
            if isinstance(error, OSError | ValueError | csv.Error):
                raise CannotWrite(f"the receipt {self._path} cannot be written ({error})") from error
            raise

    def _write(self, document: dict[str, Any]) -> None:
        """RECORD first: a receipt that it lists and that is not there is seen; and uninstalling forgets neither."""
        with open(self._record_path, "rb") as file:
            record = file.read()
        if any(path == self._own for path, _ in _rows(record)):
            raise CannotWrite(f"the wheel's RECORD lists {self._own}, which only pip-verify writes")
        installed = {"record_sha256": _digest_without(record, (self._own, self._record))}
        data = (json.dumps({**document, **installed, **self._digests}, indent=2) + "\n").encode("ascii")
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
        row = io.StringIO()
        csv.writer(row).writerow((self._own, f"sha256={digest}", len(data)))
        _replace(self._record_path, record + row.getvalue().encode("utf-8"))
        _replace(self._path, data)

    def _take_back(self) -> None:
        """Remove what pip has just installed: without a receipt it would pass for installed the next time."""
        with contextlib.suppress(OSError, ValueError, csv.Error), open(self._record_path, "rb") as file:
            for path, _ in list(_rows(file.read())):
                self._remove(os.path.normpath(os.path.join(self._library, path)))
        shutil.rmtree(self._directory, ignore_errors=True)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(path)
            parent = os.path.dirname(path)
            while parent.startswith(self._library + os.sep):
                os.rmdir(parent)  # as far as it is empty
                parent = os.path.dirname(parent)


def _rows(record: bytes) -> Iterator[tuple[str, bytes]]:
    """The path of each line of RECORD, and the line with its line ending."""
    for line in record.splitlines(keepends=True):
        for fields in csv.reader([line.decode("utf-8")], strict=True):
            yield (fields[0] if fields else ""), line


def _digest_without(record: bytes, paths: tuple[str, ...]) -> str:
    return hashlib.sha256(b"".join(line for path, line in _rows(record) if path not in paths)).hexdigest()


def _replace(path: str, data: bytes) -> None:
    """Write aside and rename; the umask decides the mode, as with the files that pip writes."""
    aside = f"{path}.{secrets.token_hex(8)}.tmp"
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(data)
        os.replace(aside, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(aside)
