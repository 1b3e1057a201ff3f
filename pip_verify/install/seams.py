"""The seams: where pip is held. Every function replaced here asks the parent first, or refuses.

Four layers, each fail-closed (docs/how-it-works.md#the-seams):

a. obtaining: what was downloaded or lies on disk is verified, in a private copy, before pip sees its path;
b. unpacking: no receipt for the archive's bytes, no unpacking;
c. the standard library's archive readers, as a net under the net;
d. installing: the open wheel's sha256 must have a receipt, or be a wheel built in this run from an accepted
   source.

And around them: requirement files are read by the parent, pip's cache of locally built wheels is neither
read nor written, sources without bytes to sign (version control, directories) are the policy's decision,
nested pips run under the same runner.

``table`` says where each is. Standard library and pip only.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
import tempfile
import urllib.parse
import zipfile
from collections.abc import Callable
from typing import Any

from .channel import ENVIRONMENT, ChannelLost, Client
from .digests import Digests, digest_of
from .readers import guard_readers
from .receipts import CannotWrite, Layout, ReceiptFile, own_receipt
from .table import SEAMS, Seam, SeamMissing, import_module, load_holder, rebind


class CanaryReached(BaseException):
    """Raised in place of a seam's work while the canary listens for it; a BaseException, so that nothing in
    pip swallows it."""


class Seams:
    """The seams of one pip process. ``canary``: the name of the seam the canary waits for, else None."""

    def __init__(self, client: Client, settings: dict[str, Any], runner: str) -> None:
        self._client = client
        self._settings = settings
        self._runner = runner
        self._requirements: dict[str, dict[str, Any]] = {}  # by URL: what pip knows of the requirement
        self._sources: dict[str, dict[str, Any]] = {}  # by unpacked directory: where its bytes came from
        self._metadata: dict[str, str] = {}  # by artifact URL: sha256 of the PEP 658 metadata pip was shown
        self._digests = Digests()
        self._resolving = False
        self._building = 0  # how many build environments are being filled in this process, one within the other
        self._readable: set[str] = set()
        self._path_zips = {os.path.realpath(entry) for entry in sys.path if os.path.isfile(entry)}
        self.canary: str | None = None
        self.names: list[str] = []  # of the seams that this pip has

    def insert(self) -> None:
        """Replace every function of the table; raises SeamMissing."""
        # As pip's own command does, and first: pip's modules import each other in circles.
        import_module("pip._internal.commands.install")
        from pip._internal.exceptions import InstallationError

        self.refused: type[Exception] = type("Refused", (InstallationError,), {})
        self._layout = Layout()
        for seam in SEAMS:
            self._replace(seam)
        guard_readers(self._need_receipt_to_read)

    # -- machinery ---------------------------------------------------------------------------------------

    def _replace(self, seam: Seam) -> None:
        owner = module = load_holder(seam)
        *classes, function = seam.attribute.split(".")
        for part in classes:
            owner = getattr(owner, part, None)
        if owner is None and seam.optional:
            return
        # vars, not getattr: every class has a __call__ by its metaclass, and inherited is not replaced
        original = vars(owner).get(function) if owner is not None else None
        if not callable(original):
            raise SeamMissing(f"{seam.name} ({module.__name__}.{seam.attribute})")
        hook = getattr(self, "_" + seam.name)

        def held(*args: Any, **kwargs: Any) -> Any:
            if self.canary is None:
                return hook(original, *args, **kwargs)
            if self.canary == seam.name:
                raise CanaryReached(seam.name)
            return original(*args, **kwargs)  # on the canary's way to another seam

        setattr(owner, function, held)
        self.names.append(seam.name)
        if seam.everywhere:
            rebind(original, held)

    def _ask(self, op: str, **fields: Any) -> dict[str, Any]:
        try:
            answer = self._client.ask(op, **fields)
        except ChannelLost as error:
            raise self.refused(f"pip-verify is gone, nothing more is installed ({error})") from error
        if answer.get("ok") is not True:
            raise self.refused(str(answer.get("message", "pip-verify refused")))
        return answer

    # -- (a) obtaining -----------------------------------------------------------------------------------

    def _download(self, original: Callable[..., Any], downloader: Any, link: Any, location: str) -> tuple[str, str]:
        """Downloader.__call__: everything pip fetches over HTTP comes through here."""
        if link.filename.endswith(".metadata"):  # by its path: a query could end like this, too
            path, content_type = original(downloader, link, location)
            artifact_url = link.url_without_fragment[: -len(".metadata")]
            self._metadata[artifact_url] = self._digests.of_path(path)
            return path, content_type
        self._ask("link", links=[self._describe(link)])
        path, _ = original(downloader, link, location)
        path = _rename(path, link.filename)
        self._ask("file", path=path, link=self._describe(link))
        # Without a content type pip goes by the file name, as the check did: no zip in a tar's clothes.
        return path, ""

    def _local_file(self, original: Callable[..., Any], link: Any, *args: Any, **kwargs: Any) -> Any:
        """get_file_url: returns the path in place, so hand out a private copy that cannot be swapped."""
        self._ask("link", links=[self._describe(link)])
        file = original(link, *args, **kwargs)
        return type(file)(self._private_copy(file.path, link), None)

    def _already_downloaded(self, original: Callable[..., Any], link: Any, *args: Any, **kwargs: Any) -> str | None:
        """_check_download_dir: a file found in ``-d DIR`` is no more trusted than a fresh one."""
        path = original(link, *args, **kwargs)
        return None if path is None else self._private_copy(path, link)

    def _private_copy(self, path: str, link: Any) -> str:
        directory: str = tempfile.mkdtemp(dir=self._settings["private"])
        copy = os.path.join(directory, os.path.basename(link.filename))
        shutil.copyfile(path, copy)
        self._ask("file", path=copy, link=self._describe(link), original=path)
        return copy

    def _lazy_wheel(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """dist_from_wheel_url: reads parts of wheels before all of them is there to be verified."""
        self._ask("unusable", option="--use-feature=fast-deps", why="it reads parts of wheels that are not verified")

    # -- (b) unpacking -----------------------------------------------------------------------------------

    def _unpack_zip(self, original: Callable[..., Any], filename: str, location: str, *rest: Any, **kw: Any) -> Any:
        self._need_receipt_to_unpack(filename, location)
        return original(filename, location, *rest, **kw)

    def _unpack_tar(self, original: Callable[..., Any], filename: str, location: str, *rest: Any, **kw: Any) -> Any:
        self._need_receipt_to_unpack(filename, location)
        return original(filename, location, *rest, **kw)

    def _need_receipt_to_unpack(self, filename: str, location: str) -> None:
        digest = self._digests.of_path(filename)
        self._ask("receipt", use="unpack", sha256=digest, filename=os.path.basename(filename))
        self._sources[os.path.realpath(location)] = {"kind": "archive", "sha256": digest}

    # -- (c) archive readers -----------------------------------------------------------------------------

    def _need_receipt_to_read(self, seam: str, file: Any) -> None:
        if self.canary is not None:
            if self.canary == seam:
                raise CanaryReached(seam)
            return  # the canary's own fake files; nothing of pip runs yet
        named = isinstance(file, str | os.PathLike)
        if named and os.path.realpath(file) in self._path_zips:
            return  # an import path of the interpreter, not something pip obtained
        digest = self._digests.of_path(file) if named else digest_of(file)
        if digest not in self._readable:
            self._ask("receipt", use="read", sha256=digest, filename=os.path.basename(str(getattr(file, "name", file))))
            self._readable.add(digest)

    # -- (d) installing ----------------------------------------------------------------------------------

    def _install_all(self, original: Callable[..., Any], requirements: Any, *args: Any, **kwargs: Any) -> Any:
        """install_given_reqs: all receipts before the first file is written, so that a refusal leaves nothing."""
        requirements = list(requirements)
        self._need_all_receipts(requirements)
        return original(requirements, *args, **kwargs)

    def _order(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Resolver.get_installation_order: the same, when all is built and before pip reads the wheels once more."""
        requirements = original(*args, **kwargs)
        self._need_all_receipts(requirements)
        return requirements

    def _need_all_receipts(self, requirements: Any) -> None:
        for requirement in requirements:
            path = requirement.local_file_path
            if path is None:
                raise self.refused(f"{requirement}: there is no wheel to install")
            self._need_receipt_to_install(self._digests.of_path(path), requirement.name, path)
            with zipfile.ZipFile(path) as wheel_zip:
                self._refuse_own_receipt(wheel_zip, path)

    def _install_wheel(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """_install_wheel: gets the open zip file, so there is no gap between this check and the use. What was
        installed keeps its receipt beside it, or is not installed."""
        name, wheel_zip, path = kwargs["name"], kwargs["wheel_zip"], kwargs["wheel_path"]
        digest = digest_of(wheel_zip.fp)
        self._need_receipt_to_install(digest, name, path)
        self._refuse_own_receipt(wheel_zip, path)
        document = self._ask("receipt_document", sha256=digest)["document"]
        try:
            receipt = ReceiptFile(wheel_zip, *self._layout.of(wheel_zip, name, kwargs["scheme"]))
            result = original(*args, **kwargs)
            receipt.write(document)
        except CannotWrite as error:
            raise self.refused(f"pip-verify: {name} is not installed: {error}") from error
        return result

    def _refuse_own_receipt(self, wheel_zip: zipfile.ZipFile, path: str) -> None:
        brought = own_receipt(wheel_zip)
        if brought is not None:
            self._ask("own_receipt", filename=os.path.basename(path), member=brought)

    def _need_receipt_to_install(self, digest: str, name: str, path: str) -> None:
        filename, nested = os.path.basename(path), self._is_nested
        self._ask("receipt", use="install", sha256=digest, project=name, filename=filename, nested=nested)

    def _save(self, original: Callable[..., Any], preparer: Any, requirement: Any, *args: Any, **kwargs: Any) -> Any:
        """save_linked_requirement: ``download`` and ``wheel`` copy files out without installing them."""
        path = requirement.local_file_path
        if path is not None:
            digest, filename = self._digests.of_path(path), os.path.basename(path)
            self._ask("receipt", use="save", sha256=digest, project=requirement.name, filename=filename)
        return original(preparer, requirement, *args, **kwargs)

    # -- building ----------------------------------------------------------------------------------------

    def _build(self, original: Callable[..., Any], requirement: Any, *args: Any, **kwargs: Any) -> Any:
        """_build_one_inside_env: the built wheel is bound to the accepted source it came from."""
        path = original(requirement, *args, **kwargs)
        if path is not None:
            source = self._source_of(requirement)
            self._ask("built", path=path, project=requirement.name, source=source)
        return path

    def _source_of(self, requirement: Any) -> dict[str, Any]:
        source = self._sources.get(os.path.realpath(requirement.source_dir or ""))
        if source is None:
            raise self.refused(f"{requirement}: it is not known which accepted source this was built from")
        return source

    def _cached_wheel(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """WheelCache.get_cache_entry: locally built wheels carry no integrity data, so there are none."""

    def _store_built(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """_should_cache: what is built here goes into pip's ephemeral cache only."""
        return False

    def _run_backend(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """runner_with_spinner_message: build backends see PIP_NO_INDEX=1."""
        run = original(*args, **kwargs)

        def runner(cmd: Any, cwd: Any = None, extra_environ: Any = None) -> Any:
            return run(cmd, cwd=cwd, extra_environ={**(extra_environ or {}), "PIP_NO_INDEX": "1"})

        return runner

    # -- nested pips -------------------------------------------------------------------------------------

    def _nested_pip(self, original: Callable[..., Any], cmd: Any, *args: Any, **kwargs: Any) -> Any:
        """call_subprocess of the build environment: the nested pip runs under this runner, isolated."""
        cmd = list(cmd)
        if len(cmd) < 2 or cmd[1] != self._runner:
            raise self.refused("a build environment was to be filled by something that is not this runner")
        settings = json.dumps({**self._settings, "nested": True})
        kwargs["extra_environ"] = {**(kwargs.get("extra_environ") or {}), ENVIRONMENT: settings}
        return original([cmd[0], "-I", *cmd[1:]], *args, **kwargs)

    def _inprocess_build(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """_install_impl of the build environment in pip's own process (``--use-feature=inprocess-build-deps``): what is
        resolved and installed there is nothing that the user named."""
        self._building += 1
        try:
            return original(*args, **kwargs)
        finally:
            self._building -= 1

    @property
    def _is_nested(self) -> bool:
        return self._building > 0 or bool(self._settings.get("nested"))

    def _runnable_pip(self, original: Callable[..., Any]) -> str:
        """get_runnable_pip, for build environments."""
        return self._runner

    def _other_python(self, original: Callable[..., Any]) -> str:
        """get_runnable_pip as ``--python`` calls it: this process only waits for that one from now on."""
        os.environ[ENVIRONMENT] = json.dumps(self._settings)
        return self._runner

    # -- what pip knows of a requirement -----------------------------------------------------------------

    def _requirement_file(self, original: Callable[..., Any], url: str, session: Any, *args: Any, **kw: Any) -> Any:
        """get_file_content: the parent reads every requirement file and returns the text that pip parses."""
        if urllib.parse.urlsplit(url).scheme in ("http", "https", "file"):
            from pip._internal.network.utils import raise_for_status

            response = session.get(url)
            raise_for_status(response)
            location, data = response.url, response.content
        else:
            try:
                with open(url, "rb") as file:
                    location, data = url, file.read()
            except OSError:
                return original(url, session, *args, **kw)  # pip's own words for a file that cannot be read
        constraint = bool(kw.get("constraint", False))
        encoded = base64.b64encode(data).decode("ascii")
        answer = self._ask("requirements", name=location, data=encoded, constraint=constraint)
        return location, answer["text"]

    def _prepare(self, original: Callable[..., Any], preparer: Any, requirement: Any, *args: Any, **kw: Any) -> Any:
        """prepare_linked_requirement: remember whose link this is."""
        self._remember(requirement)
        return original(preparer, requirement, *args, **kw)

    def _prepare_fully(
        self, original: Callable[..., Any], preparer: Any, requirement: Any, *args: Any, **kw: Any
    ) -> Any:
        """_prepare_linked_requirement: the last point before a directory's build backend runs."""
        self._remember(requirement)
        if requirement.link.is_existing_dir():
            path = requirement.link.file_path
            self._accept_source("directory", requirement, path)
            self._sources[os.path.realpath(path)] = {"kind": "directory", "location": path}
        return original(preparer, requirement, *args, **kw)

    def _prepare_editable(
        self, original: Callable[..., Any], preparer: Any, requirement: Any, *args: Any, **kw: Any
    ) -> Any:
        kind = "vcs" if requirement.link.is_vcs else "directory"
        location = requirement.link.url_without_fragment if kind == "vcs" else requirement.link.file_path
        self._accept_source(kind, requirement, location)
        if requirement.source_dir is None:
            requirement.ensure_has_source_dir(preparer.src_dir)  # names it; a checkout makes it
        if kind == "vcs" and os.path.lexists(requirement.source_dir):
            # pip would keep what lies there, and run what a planted .git directory says
            self._accept_source(kind, requirement, location, there=requirement.source_dir)
        self._sources[os.path.realpath(requirement.source_dir)] = {"kind": kind, "location": location}
        return original(preparer, requirement, *args, **kw)

    def _vcs(self, original: Callable[..., Any], link: Any, location: str, *args: Any, **kwargs: Any) -> Any:
        """unpack_vcs_link."""
        described = self._requirements.get(link.url_without_fragment, {})
        self._ask("source", kind="vcs", location=link.url_without_fragment, requirement=described)
        self._sources[os.path.realpath(location)] = {"kind": "vcs", "location": link.url_without_fragment}
        return original(link, location, *args, **kwargs)

    def _accept_source(self, kind: str, requirement: Any, location: str, *, there: str | None = None) -> None:
        self._ask("source", kind=kind, location=location, requirement=self._about(requirement), there=there)

    def _load_backend(self, original: Callable[..., Any], requirement: Any, *args: Any, **kwargs: Any) -> Any:
        """load_pyproject_toml: the last point before build requirements are installed and a backend runs. What is
        built must lie within what was accepted (``#subdirectory=`` may say otherwise, and so may a link), and what was
        checked out must be the commit that was asked for (a server may have a branch of that name)."""
        source = self._source_of(requirement)
        root, built = map(os.path.realpath, (requirement.source_dir, requirement.unpacked_source_directory))
        if os.path.commonpath((root, built)) != root:
            self._ask("outside", what=str(requirement), directory=built)
        if source["kind"] == "vcs" and source["location"].startswith("git+"):  # no other is accepted
            from pip._internal.vcs.git import Git

            revision = Git.get_revision(requirement.source_dir)
            self._ask("checked_out", location=source["location"], revision=revision)
        return original(requirement, *args, **kwargs)

    def _installed(self, original: Callable[..., Any], preparer: Any, requirement: Any, *args: Any, **kw: Any) -> Any:
        """prepare_installed_requirement: never looked at; the summary says so."""
        self._ask("installed", project=requirement.name or "", version=str(requirement.satisfied_by.version))
        return original(preparer, requirement, *args, **kw)

    def _resolved(self, original: Callable[..., Any], resolver: Any, roots: Any, *args: Any, **kwargs: Any) -> Any:
        """Resolver.resolve: tell what the command line names; then the whole set is judged at once, before
        downloads and under ``--dry-run`` too."""
        if self._resolving and not self._is_nested:
            raise self.refused("pip resolves twice in this process, and it is not known for whom the second time")
        self._resolving = True
        if not self._is_nested:
            named = [root for root in roots if root.user_supplied and root.comes_from is None and not root.constraint]
            self._ask("roots", roots=[[root.name, root.link.filename if root.link else None] for root in named])
        for root in roots:
            if root.name and root.link is not None and root.link.is_wheel and not _is_wheel_of(root.link, root.name):
                self._remember(root)  # pip would end with an AssertionError
                self._ask("link", links=[self._describe(root.link)])
        result = original(resolver, roots, *args, **kwargs)
        links = []
        for requirement in result.requirements.values():
            if requirement.link is not None and requirement.needs_more_preparation:
                self._remember(requirement)
                links.append(self._describe(requirement.link))
        if links:
            self._ask("link", links=links)
        self._ask("settle")
        return result

    def _remember(self, requirement: Any) -> None:
        if requirement.link is not None:
            self._requirements[requirement.link.url_without_fragment] = self._about(requirement)

    def _about(self, requirement: Any) -> dict[str, Any]:
        """What the parent needs to know of an InstallRequirement. user_sha256: hashes the user wrote down, never
        the index's; user_supplied: named by the user, not by another package or its build requirements."""
        comes_from = requirement.comes_from
        nested = self._is_nested
        return {
            "project": requirement.name,
            "comes_from": comes_from if isinstance(comes_from, str | None) else str(comes_from),
            "user_supplied": bool(requirement.user_supplied) and not nested,
            "user_sha256": [] if nested else list((requirement.hash_options or {}).get("sha256", [])),
        }

    def _describe(self, link: Any) -> dict[str, Any]:
        url = link.url_without_fragment
        return {
            "url": url,
            "filename": link.filename,
            "sha256": link.hash if link.hash_name == "sha256" else None,
            "metadata_sha256": self._metadata.get(url),
            "requirement": self._requirements.get(url, {}),
        }


def _is_wheel_of(link: Any, project: str) -> bool:
    """Whether the file name's first part is the project's name, normalised (PEP 503)."""
    return _normalised(link.filename.split("-")[0]) == _normalised(project)


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _rename(path: str, filename: str) -> str:
    """Give a download the name its link states; Content-Disposition may have chosen another."""
    wanted = os.path.join(os.path.dirname(path), os.path.basename(filename))
    if wanted != path:
        os.replace(path, wanted)
    return wanted
