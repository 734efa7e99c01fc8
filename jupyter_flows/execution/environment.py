"""The environment a task's kernel gets: the caller's, without what belongs to the caller's own Jupyter."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.folder import AttemptFolder
from jupyter_flows.execution.processes import COOKIE

_PRIVATE = ("JPY_", "JUPYTERHUB_", "JUPYTER_TOKEN", "JUPYTER_FLOWS_", "PYDEVD_", "PYTEST_CURRENT_TEST")
"""Tokens and addresses of the surrounding server and kernel: a task must not inherit them.

(ipykernel does not capture what libraries print past Python where it sees pytest's variable.)
"""

_FIXED_AT_EXEC = ("PYTHON", "LD_", "DYLD_", "MALLOC_", "GLIBC_", "LC_", "LANG")
"""Read once when a process starts: a forked kernel cannot take a new value."""


def base_environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without the surrounding Jupyter's private variables."""
    return {name: value for name, value in env.items() if not name.startswith(_PRIVATE)}


def kernel_environment(env: Mapping[str, str], job: Job) -> dict[str, str]:
    """What the kernel of `job` sees: `env` cleaned, then the job's own, then the marks of the attempt."""
    folder = AttemptFolder(job.folder)
    return {
        **base_environment(env),
        "PYTHONUNBUFFERED": "1",
        "IPYTHONDIR": str(folder.ipython),
        **job.env,
        COOKIE: str(job.folder),
    }


def needs_exec(wanted: Mapping[str, str], had: Mapping[str, str]) -> bool:
    """Whether the difference between two environments takes effect only in a freshly exec'ed process."""
    names = {name for name in (*wanted, *had) if name.startswith(_FIXED_AT_EXEC)} - {"PYTHONUNBUFFERED"}
    return any(wanted.get(name) != had.get(name) for name in names)
