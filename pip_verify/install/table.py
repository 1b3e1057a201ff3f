"""The table of seams, and how a function of pip is found and replaced. Standard library and pip only.

Measured against pip 25.3 to 26.3. A name that is not there is ``SeamMissing``; one that is there but is no longer
called is found by the canary.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any, NamedTuple


class SeamMissing(Exception):
    """The pip at hand has no such seam, or does not use it; its text names the seam."""


class Seam(NamedTuple):
    """name: ``Seams._<name>`` is its hook. modules: the first that exists holds it. everywhere: also rebind it
    in the modules that imported it by name; not where each importer needs a hook of its own. optional: a pip that has
    not its class has not that way, either."""

    name: str
    modules: tuple[str, ...]
    attribute: str
    everywhere: bool = True
    optional: bool = False


_RESOLVER = ("pip._internal.resolution.resolvelib.resolver",)
_PREPARE = ("pip._internal.operations.prepare",)
_BUILD_ENV = ("pip._internal.build_env.installer", "pip._internal.build_env")  # a package from pip 26.2 on

# Every one of these has a check of its own in canary.py.
SEAMS = (
    Seam("download", ("pip._internal.network.download",), "Downloader.__call__"),
    Seam("local_file", _PREPARE, "get_file_url"),
    Seam("already_downloaded", _PREPARE, "_check_download_dir"),
    Seam("lazy_wheel", ("pip._internal.network.lazy_wheel",), "dist_from_wheel_url"),
    Seam("unpack_zip", ("pip._internal.utils.unpacking",), "unzip_file"),
    Seam("unpack_tar", ("pip._internal.utils.unpacking",), "untar_file"),
    Seam("install_all", ("pip._internal.req",), "install_given_reqs"),
    Seam("install_wheel", ("pip._internal.operations.install.wheel",), "_install_wheel"),
    Seam("save", _PREPARE, "RequirementPreparer.save_linked_requirement"),
    Seam("build", ("pip._internal.wheel_builder",), "_build_one_inside_env"),
    Seam("cached_wheel", ("pip._internal.cache",), "WheelCache.get_cache_entry"),
    Seam("store_built", ("pip._internal.wheel_builder",), "_should_cache"),
    Seam("run_backend", ("pip._internal.utils.subprocess",), "runner_with_spinner_message"),
    Seam("nested_pip", _BUILD_ENV, "call_subprocess", everywhere=False),
    Seam("runnable_pip", _BUILD_ENV, "get_runnable_pip", everywhere=False),
    Seam("inprocess_build", _BUILD_ENV, "InprocessBuildEnvironmentInstaller._install_impl", optional=True),  # 26.0 on
    Seam("other_python", ("pip._internal.cli.main_parser",), "get_runnable_pip", everywhere=False),
    Seam("requirement_file", ("pip._internal.req.req_file",), "get_file_content"),
    Seam("prepare", _PREPARE, "RequirementPreparer.prepare_linked_requirement"),
    Seam("prepare_fully", _PREPARE, "RequirementPreparer._prepare_linked_requirement"),
    Seam("prepare_editable", _PREPARE, "RequirementPreparer.prepare_editable_requirement"),
    Seam("installed", _PREPARE, "RequirementPreparer.prepare_installed_requirement"),
    Seam("vcs", _PREPARE, "unpack_vcs_link"),
    Seam("load_backend", ("pip._internal.req.req_install",), "InstallRequirement.load_pyproject_toml"),
    Seam("resolved", _RESOLVER, "Resolver.resolve"),
    Seam("order", _RESOLVER, "Resolver.get_installation_order"),
)


def load_holder(seam: Seam) -> Any:
    """The module that holds the seam in this pip; raises SeamMissing."""
    for name in seam.modules:
        with contextlib.suppress(ModuleNotFoundError):
            return import_module(name)
    raise SeamMissing(f"{seam.name} ({' or '.join(seam.modules)})")


def import_module(name: str) -> Any:
    """Import a module of pip; one that is there but does not load is SeamMissing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        raise SeamMissing(f"of {name} ({error})") from error


def rebind(original: Any, held: Any) -> None:
    """Replace ``original`` wherever a module of pip imported it by name."""
    for name, module in list(sys.modules.items()):
        if name.startswith("pip._internal"):
            for attribute, value in list(vars(module).items()):
                if value is original:
                    setattr(module, attribute, held)
