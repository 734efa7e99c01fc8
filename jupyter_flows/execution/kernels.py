"""Which kernelspec a job runs on, settled before anything starts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from jupyter_flows.errors import ExecutionError

DEFAULT = "python3"


def find_kernel(name: str | None, language: str = "python") -> str:
    """The kernelspec called `name`; without a name the first installed one for `language`.

    Raises ExecutionError that names the installed ones and the nearest when there is none, or says what is wrong
    with it.
    """
    specs = _specs()
    if name is not None:
        if name not in specs and not _native(name):
            raise _missing(f"No kernel called '{name}' is installed here.", name, specs)
        _check(name)
        return name
    if language == "python" and (DEFAULT in specs or _native(DEFAULT)):
        return DEFAULT
    for known in sorted(specs):
        with suppress(KeyError, ValueError, OSError):  # someone else's broken kernelspec
            if str(_spec(known).language).lower() == language.lower():
                return known
    raise _missing(f"No kernel for the language '{language}' is installed here.", language, specs)


def _check(name: str) -> None:
    try:
        _spec(name)
    except (KeyError, ValueError, OSError, TypeError) as error:  # NoSuchKernel is a KeyError
        raise ExecutionError(
            f"The kernel '{name}' is installed, but its specification cannot be used: {error}",
            fix="Install it anew, with the provisioner it names if it names one.",
        ) from error


def installed() -> list[str]:
    """The names of all installed kernels."""
    return sorted(set(_specs()) | ({DEFAULT} if _native(DEFAULT) else set()))


def is_own_python(name: str) -> bool:
    """Whether the kernelspec starts plain ipykernel in this very Python: only then may a forked one stand in for it."""
    spec = _spec(name)
    argv = list(spec.argv)
    if (
        len(argv) != 5
        or argv[1:4] != ["-m", "ipykernel_launcher", "-f"]
        or spec.env
        or spec.metadata.get("kernel_provisioner")
    ):
        return False
    return _same_python(argv[0])


def _same_python(command: str) -> bool:
    if command in ("python", f"python{sys.version_info[0]}", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        return True  # jupyter_client puts sys.executable in its place
    found = shutil.which(command)
    return found is not None and os.path.abspath(found) == os.path.abspath(sys.executable)


def _spec(name: str) -> Any:
    from jupyter_client.kernelspec import KernelSpecManager

    return KernelSpecManager().get_kernel_spec(name)


def _specs() -> Mapping[str, str]:
    from jupyter_client.kernelspec import KernelSpecManager

    specs: Mapping[str, str] = KernelSpecManager().find_kernel_specs()
    return specs


def _native(name: str) -> bool:
    """jupyter_client offers this Python's own ipykernel under this name without any file."""
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, NoSuchKernel

    if name != NATIVE_KERNEL_NAME:
        return False
    try:
        _spec(name)
    except NoSuchKernel:
        return False
    return True


def _missing(message: str, wanted: str, specs: Mapping[str, str]) -> ExecutionError:
    installed = ", ".join(sorted(specs)) or "none"
    near = get_close_matches(wanted, specs, n=1, cutoff=0.4)
    fix = f"Use '{near[0]}'." if near else "Install it (for this Python: python -m ipykernel install --user)."
    return ExecutionError(f"{message} Installed: {installed}.", fix=fix)
