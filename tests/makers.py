"""Real wheels and sdists made on the spot: small, deterministic, and installable by any installer.

``make_wheel`` and ``make_sdist`` return a file's bytes; ``wheel_filename`` and ``sdist_filename`` its name. The smaller
steps are there for tests that break one of them: ``wheel_files`` → ``record_of`` → ``zip_of``, and ``tar_of``.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping

from tests.signer import Signer, sign_release

Contents = Mapping[str, str | bytes]
Sign = Callable[[str], bytes]

_EPOCH = (1980, 1, 1, 0, 0, 0)

_BACKEND = '''\
"""A PEP 517 backend that needs nothing but the standard library."""

import base64
import hashlib
import os
import zipfile

FOLDER = {folder!r}
PACKAGE = {package!r}
WHEEL_NAME = {wheel_name!r}
WHEEL = {wheel!r}

{on_import}

def get_requires_for_build_wheel(config_settings=None):
    return []


def _files():
    found = {{}}
    for folder, _, names in sorted(os.walk(PACKAGE)):
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[path.replace(os.sep, "/")] = file.read()
    with open("PKG-INFO", "rb") as file:
        found[FOLDER + "/METADATA"] = file.read()
    found[FOLDER + "/WHEEL"] = WHEEL.encode()
    return found


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    os.makedirs(os.path.join(metadata_directory, FOLDER))
    for path, data in _files().items():
        if path.startswith(FOLDER):
            with open(os.path.join(metadata_directory, path), "wb") as file:
                file.write(data)
    return FOLDER


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    record = ""
    with zipfile.ZipFile(os.path.join(wheel_directory, WHEEL_NAME), "w") as wheel:
        for path, data in _files().items():
            wheel.writestr(path, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += "%s,sha256=%s,%d\\n" % (path, digest, len(data))
        wheel.writestr(FOLDER + "/RECORD", record + FOLDER + "/RECORD,,\\n")
    return WHEEL_NAME
'''


def underscored(project: str) -> str:
    """A project's name as it stands in file names and imports (PEP 427)."""
    return project.replace("-", "_").replace(".", "_").lower()


def wheel_filename(project: str, version: str, tag: str = "py3-none-any") -> str:
    return f"{underscored(project)}-{version}-{tag}.whl"


def sdist_filename(project: str, version: str) -> str:
    return f"{underscored(project)}-{version}.tar.gz"


def dist_info(project: str, version: str) -> str:
    return f"{underscored(project)}-{version}.dist-info"


def metadata_of(project: str, version: str, requires: Iterable[str] = (), extra: str = "") -> str:
    """METADATA or PKG-INFO; extra: further header lines, each with its line end."""
    dependencies = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    return f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n{dependencies}{extra}"


def wheel_files(
    project: str,
    version: str,
    files: Contents | None = None,
    *,
    metadata_extra: str = "",
    tag: str = "py3-none-any",
    entry_points: str | None = None,
    requires: Iterable[str] = (),
) -> dict[str, bytes]:
    """Every file of the wheel but RECORD. files: by path; without it the package is an ``__init__.py`` that says its
    version. entry_points: the text of entry_points.txt."""
    folder = dist_info(project, version)
    if files is None:
        files = {f"{underscored(project)}/__init__.py": f"__version__ = {version!r}\n"}
    found = {path: as_bytes(data) for path, data in files.items()}
    found[f"{folder}/METADATA"] = metadata_of(project, version, requires, metadata_extra).encode()
    found[f"{folder}/WHEEL"] = _wheel_text(tag).encode()
    if entry_points is not None:
        found[f"{folder}/entry_points.txt"] = entry_points.encode()
    return found


def record_row(path: str, data: bytes, algorithm: str = "sha256") -> bytes:
    """One line of RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    quoted = '"' + path.replace('"', '""') + '"' if set(path) & set(',"') else path
    return f"{quoted},{algorithm}={digest},{len(data)}\n".encode()


def record_of(files: Mapping[str, bytes], folder: str) -> bytes:
    """RECORD for ``files``, its own row last; directories have none."""
    return rows_of(files) + f"{folder}/RECORD,,\n".encode()


def rows_of(files: Mapping[str, bytes], algorithm: str = "sha256") -> bytes:
    """The lines of RECORD for ``files``."""
    return b"".join(record_row(path, data, algorithm) for path, data in files.items() if not path.endswith("/"))


def make_wheel(
    project: str,
    version: str,
    files: Contents | None = None,
    *,
    metadata_extra: str = "",
    tag: str = "py3-none-any",
    entry_points: str | None = None,
    requires: Iterable[str] = (),
    sign: Sign | None = None,
    legacy_sign: Sign | None = None,
) -> bytes:
    """A wheel. sign: gets the hex digest that ``release.jws`` states (formats.md 4) and returns that file's bytes.
    legacy_sign: gets the hex digest of RECORD and returns ``RECORD.jws``. The rest as ``wheel_files``."""
    folder = dist_info(project, version)
    found = wheel_files(
        project,
        version,
        files,
        metadata_extra=metadata_extra,
        tag=tag,
        entry_points=entry_points,
        requires=requires,
    )
    if sign is not None:
        found[f"{folder}/release.jws"] = sign(hashlib.sha256(rows_of(found)).hexdigest())
    record = record_of(found, folder)
    found[f"{folder}/RECORD"] = record
    if legacy_sign is not None:
        found[f"{folder}/RECORD.jws"] = legacy_sign(hashlib.sha256(record).hexdigest())
    return zip_of(found)


def signed_inside(*signers: Signer) -> bytes:
    """A wheel of demo 1.0 that carries its own statement."""
    return make_wheel("demo", "1.0", sign=lambda digest: sign_release(signers, {"RECORD": digest}, "demo", "1.0"))


def make_sdist(
    project: str,
    version: str,
    *,
    files: Contents | None = None,
    backend: str | None = "in_tree_backend",
    build_requires: Iterable[str] = (),
    requires: Iterable[str] = (),
    on_import: str = "",
) -> bytes:
    """An sdist (``.tar.gz``) that any PEP 517 front end can build offline.

    files: by path below the top directory; without it the package is an ``__init__.py``. backend: the module name of
    the backend inside the sdist; None leaves out pyproject.toml and backend. build_requires: what [build-system]
    demands. requires: the project's dependencies. on_import: Python source that runs when the backend is imported.
    """
    package = underscored(project)
    if files is None:
        files = {f"{package}/__init__.py": f"__version__ = {version!r}\n"}
    found = {"PKG-INFO": metadata_of(project, version, requires).encode()}
    found |= {path: as_bytes(data) for path, data in files.items()}
    if backend is not None:
        needs = ", ".join(f'"{requirement}"' for requirement in build_requires)
        found["pyproject.toml"] = (
            f'[build-system]\nrequires = [{needs}]\nbuild-backend = "{backend}"\nbackend-path = ["."]\n'
        ).encode()
        found[f"{backend}.py"] = _BACKEND.format(
            folder=dist_info(project, version),
            package=package,
            wheel_name=wheel_filename(project, version),
            wheel=_wheel_text("py3-none-any"),
            on_import=on_import,
        ).encode()
    top = f"{package}-{version}"
    return tar_of({f"{top}/{path}": data for path, data in found.items()})


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files in this order; a path that ends in a slash is a directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path, _EPOCH)
            is_directory = path.endswith("/")
            info.external_attr = (0o40755 << 16 | 0x10) if is_directory else 0o100644 << 16
            info.compress_type = zipfile.ZIP_STORED if is_directory else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A ``.tar.gz`` of these files in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def as_bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _wheel_text(tag: str) -> str:
    return f"Wheel-Version: 1.0\nGenerator: pip-verify tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
