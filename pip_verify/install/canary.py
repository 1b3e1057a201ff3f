"""The canary: before pip runs, a fake wheel and a fake sdist go through every seam.

For each seam pip's own *caller* is driven, not the replaced function, so that a pip which renamed, inlined or
by-passes the function is found out. A seam that is not reached is ``SeamMissing``, and pip is not run.
Standard library and pip only.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import tarfile
import tempfile
import types
import zipfile
from collections.abc import Callable
from typing import Any

from .seams import CanaryReached, Seams
from .table import SeamMissing

_URL = "https://canary.invalid/canary-0-py3-none-any.whl"


def sing(seams: Seams) -> None:
    """Drive every seam once; raises SeamMissing for the first that is not reached."""
    from pip._internal.utils.temp_dir import global_tempdir_manager

    with tempfile.TemporaryDirectory(prefix="pip-verify-canary-") as directory, global_tempdir_manager():
        drives = _Drives(directory)
        for name in (*seams.names, "read_zip", "read_tar"):
            _listen(seams, name, getattr(drives, name))
        for name in ("unpack_zip", "unpack_tar"):  # and as the last step of pip's own way with an sdist
            _listen(seams, name, getattr(drives, name + "_of_sdist"))
        _listen(seams, "download", drives.batch)
        _listen(seams, "prepare_fully", drives.prepare_fully_more)


def _listen(seams: Seams, name: str, drive: Callable[[], Any]) -> None:
    seams.canary = name
    try:
        drive()
    except CanaryReached:
        return
    except BaseException as error:  # SystemExit, too: the canary must not end as a run of pip that went well
        raise SeamMissing(f"{name} ({type(error).__name__}: {error})") from error
    finally:
        seams.canary = None
    raise SeamMissing(f"{name} (not reached)")


class _Drives:
    """One method a seam: calls the code of pip that is to call the seam."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.wheel = os.path.join(directory, "canary-0-py3-none-any.whl")
        self.zip = os.path.join(directory, "canary-0.zip")
        self.tar = os.path.join(directory, "canary-0.tar.gz")
        for path in (self.wheel, self.zip):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("canary-0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
                archive.writestr("canary-0.dist-info/METADATA", "Metadata-Version: 2.1\nName: canary\nVersion: 0\n")
                archive.writestr("canary-0.dist-info/RECORD", "")
        with tarfile.open(self.tar, "w:gz"):
            pass

    def _link(self, path_or_url: str) -> Any:
        from pip._internal.models.link import Link
        from pip._internal.utils.urls import path_to_url

        return Link(path_or_url if "://" in path_or_url else path_to_url(path_or_url))

    def _downloader(self) -> Any:
        from pip._internal.network.download import Downloader

        return Downloader.__new__(Downloader)

    def _preparer(self) -> Any:
        from pip._internal.operations.prepare import RequirementPreparer

        preparer: Any = RequirementPreparer.__new__(RequirementPreparer)
        preparer.download_dir = None
        preparer.use_lazy_wheel = True
        preparer.legacy_resolver = False
        preparer.require_hashes = True
        preparer._downloaded = {}
        preparer._previous_requirement_header = ("", "")
        return preparer

    def _requirement(self) -> Any:
        from pip._internal.req.constructors import install_req_from_line

        return install_req_from_line(f"canary @ {_URL}")

    # obtaining
    def download(self) -> None:
        from pip._internal.operations import prepare

        prepare.unpack_url(self._link(_URL), self.directory, self._downloader(), 0)

    def batch(self) -> None:
        list(self._downloader().batch([self._link(_URL)], self.directory))

    def local_file(self) -> None:
        from pip._internal.operations import prepare

        prepare.unpack_url(self._link(self.wheel), self.directory, self._downloader(), 0)

    def already_downloaded(self) -> None:
        from pip._internal.operations import prepare

        prepare.get_http_url(self._link(_URL), self._downloader(), self.directory)

    def lazy_wheel(self) -> None:
        preparer = self._preparer()
        preparer._session = None
        preparer._fetch_metadata_using_lazy_wheel(self._link(_URL))

    # unpacking
    def unpack_zip(self) -> None:
        from pip._internal.utils import unpacking

        unpacking.unpack_file(self.zip, self.directory)

    def unpack_tar(self) -> None:
        from pip._internal.utils import unpacking

        unpacking.unpack_file(self.tar, self.directory)

    def unpack_zip_of_sdist(self) -> None:
        self._unpack_sdist(self.zip)

    def unpack_tar_of_sdist(self) -> None:
        self._unpack_sdist(self.tar)

    def _unpack_sdist(self, path: str) -> None:
        from pip._internal.operations import prepare

        prepare.unpack_url(self._link(path), self.directory, self._downloader(), 0)

    # archive readers
    def read_zip(self) -> None:
        with open(self.zip, "rb") as file:
            zipfile.ZipFile(file, allowZip64=True).close()

    def read_tar(self) -> None:
        tarfile.open(self.tar, "r:gz", encoding="utf-8").close()

    # installing
    def install_all(self) -> None:
        from pip._internal.commands import install

        # Its caller is a whole installation, so look at the names that one uses instead of driving it.
        if "install_given_reqs" not in _names_used_by(install.InstallCommand.run):
            raise LookupError("InstallCommand.run does not use install_given_reqs")
        none = dict.fromkeys(("root", "home", "prefix"))
        install.install_given_reqs(
            [], **none, warn_script_location=False, use_user_site=False, pycompile=False, progress_bar="off"
        )

    def install_wheel(self) -> None:
        from pip._internal.models.scheme import SCHEME_KEYS, Scheme
        from pip._internal.operations.install.wheel import install_wheel

        scheme = Scheme(**dict.fromkeys(SCHEME_KEYS, self.directory))
        install_wheel("canary", self.wheel, scheme, "canary")

    def save(self) -> None:
        from pip._internal.commands.download import DownloadCommand

        if "save_linked_requirement" not in _names_used_by(DownloadCommand.run):
            raise LookupError("DownloadCommand.run does not use save_linked_requirement")
        self._preparer().save_linked_requirement(self._requirement())

    # building
    def build(self) -> None:
        from pip._internal import wheel_builder

        requirement = types.SimpleNamespace(name="canary", build_env=contextlib.nullcontext())
        wheel_builder._build_one(requirement, self.directory, False, False)

    def cached_wheel(self) -> None:
        from pip._internal.cache import WheelCache

        WheelCache(self.directory).get(self._link(_URL), "canary", [])

    def store_built(self) -> None:
        from pip._internal import wheel_builder
        from pip._internal.cache import WheelCache

        wheel_builder._get_cache_dir(self._requirement(), WheelCache(self.directory))

    def run_backend(self) -> None:
        from pip._internal.operations.build.wheel import build_wheel_pep517

        backend: Any = types.SimpleNamespace(subprocess_runner=lambda runner: contextlib.nullcontext())
        build_wheel_pep517("canary", backend, self.directory, self.directory)

    # nested pips
    def nested_pip(self) -> None:
        from pip._internal import build_env

        module: Any = getattr(build_env, "installer", build_env)
        prefix = types.SimpleNamespace(path=self.directory, venv_executable=None)
        module.SubprocessBuildEnvironmentInstaller(_NoFinder()).install([], prefix, kind="canary", for_req=None)

    runnable_pip = nested_pip

    def inprocess_build(self) -> None:
        from pip._internal import build_env

        kind: Any = getattr(build_env, "installer", build_env).InprocessBuildEnvironmentInstaller
        installer = kind.__new__(kind)
        installer._level = 1  # as within another: no spinner
        logging.disable()  # pip tells of a failure before it raises
        try:
            installer.install([], None, kind="canary", for_req=None)
        finally:
            logging.disable(logging.NOTSET)

    def other_python(self) -> None:
        import sys

        from pip._internal.cli import main_parser

        flag = os.environ.pop("_PIP_RUNNING_IN_SUBPROCESS", None)
        real, main_parser.subprocess = main_parser.subprocess, None  # no other interpreter is started by this
        try:
            main_parser.parse_command(["--python", sys.executable, "list"])
        finally:
            main_parser.subprocess = real
            if flag is not None:
                os.environ["_PIP_RUNNING_IN_SUBPROCESS"] = flag

    # what pip knows of a requirement
    def requirement_file(self) -> None:
        from pip._internal.req.req_file import parse_requirements

        list(parse_requirements(os.path.join(self.directory, "canary.txt"), session=None))

    def prepare(self) -> None:
        from pip._internal.resolution.resolvelib.candidates import LinkCandidate

        self._prepare_candidate(LinkCandidate)

    def prepare_editable(self) -> None:
        from pip._internal.resolution.resolvelib.candidates import EditableCandidate

        self._prepare_candidate(EditableCandidate)

    def _prepare_candidate(self, kind: Any) -> None:
        factory = types.SimpleNamespace(preparer=self._preparer())
        kind._prepare_distribution(types.SimpleNamespace(_factory=factory, _ireq=self._requirement()))

    def prepare_fully(self) -> None:
        self._preparer().prepare_linked_requirement(self._requirement())

    def prepare_fully_more(self) -> None:
        requirement = self._requirement()
        requirement.needs_more_preparation = True
        preparer = self._preparer()
        preparer._download = types.SimpleNamespace(batch=lambda links, location: ())
        preparer._complete_partial_requirements([requirement])

    def installed(self) -> None:
        self._preparer().prepare_installed_requirement(self._requirement(), "canary")

    def vcs(self) -> None:
        from pip._internal.operations import prepare

        prepare.unpack_url(self._link("git+https://canary.invalid/canary@0"), self.directory, self._downloader(), 0)

    def load_backend(self) -> None:
        from pip._internal.distributions.sdist import SourceDistribution

        prepare = SourceDistribution(self._requirement()).prepare_distribution_metadata
        prepare(*[None] * len(inspect.signature(prepare).parameters))  # three or four flags, by version

    def resolved(self) -> None:
        from pip._internal.resolution.resolvelib.resolver import Resolver

        Resolver.resolve(Resolver.__new__(Resolver), [], True)

    def order(self) -> None:
        from pip._internal.resolution.resolvelib.resolver import Resolver

        Resolver.get_installation_order(Resolver.__new__(Resolver), None)


def _names_used_by(function: Any) -> set[str]:
    """The names a function's code uses, also below decorators."""
    code = getattr(function, "__code__", None)
    if code is None:
        return set()
    names = set(code.co_names)
    for cell in function.__closure__ or ():
        names |= _names_used_by(cell.cell_contents)
    return names


class _NoFinder:
    """A package finder with nothing configured, as far as the build environment's installer looks at it."""

    format_control = types.SimpleNamespace(no_binary=set(), only_binary=set())
    index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> None:
        return None
