"""Settings: defaults < environment < arguments, read once into one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jupyter_flows.errors import ConfigError

ENV_PREFIX = "JUPYTER_FLOWS_"


def _setting(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set. Each field is also the environment variable JUPYTER_FLOWS_<FIELD>."""

    home: Path = field(metadata={"doc": "Folder of the database, executed notebooks, logs and values. Mode 0700."})
    store: str = _setting(
        "", "Database URL: sqlite:///…, postgresql://… or memory://. Empty: flows.sqlite in the home."
    )
    parallelism: int = _setting(0, "Tasks running at once on this machine. 0: one per processor, at least 2.")
    forge: bool = _setting(
        True, "Fork kernels from a process that has the imports done (Linux). Off: start each afresh."
    )
    start_timeout: float = _setting(60.0, "Seconds a kernel may take to answer its first request.")
    lease_ttl: float = _setting(10.0, "Seconds without a sign of life after which a scheduler counts as dead.")
    poll: float = _setting(0.25, "Seconds between looks for what other processes wrote.")
    lock_timeout: float = _setting(30.0, "Seconds to wait for a database that another process has locked.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", Path(self.home).expanduser().absolute())
        if self.parallelism < 0:
            raise ConfigError(f"parallelism cannot be {self.parallelism}.", fix="Use 0 for one task per processor.")
        for name in ("start_timeout", "lease_ttl", "poll", "lock_timeout"):
            if not getattr(self, name) > 0:  # also not a number
                raise ConfigError(f"{name} must be more than 0 seconds, not {getattr(self, name)}.")
        if self.poll * 3 > self.lease_ttl:
            raise ConfigError(
                f"lease_ttl ({self.lease_ttl:g} s) must be at least three times poll ({self.poll:g} s), "
                "or a living scheduler would be called dead."
            )

    @property
    def slots(self) -> int:
        """How many tasks run at once."""
        return self.parallelism or max(2, os.cpu_count() or 1)

    @property
    def store_url(self) -> str:
        """The database to open."""
        return self.store or f"sqlite:///{self.home / 'flows.sqlite'}"


def default_home() -> Path:
    """Where flows live unless told otherwise: `flows` under Jupyter's data folder."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "flows"


def load_config(env: Mapping[str, str] | None = None, **arguments: Any) -> Config:
    """The settings in force. Arguments that are None count as not given. Raises ConfigError naming the bad one."""
    env = os.environ if env is None else env
    given: dict[str, Any] = {}
    for f in fields(Config):
        text = env.get(ENV_PREFIX + f.name.upper())
        if text:
            given[f.name] = _from_text(f.name, str(f.type), text)
    for name in arguments:
        if name not in (known := [f.name for f in fields(Config)]):
            near = get_close_matches(name, known, n=1) or known
            raise ConfigError(f"There is no setting '{name}'.", fix=f"Write {' or '.join(near)}.")
    given.update({k: v for k, v in arguments.items() if v is not None})
    home = given.pop("home", None)
    return replace(Config(home=Path(home) if home else default_home()), **given)


def _from_text(name: str, kind: str, text: str) -> Any:
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return {
                    "1": True,
                    "true": True,
                    "yes": True,
                    "on": True,
                    "0": False,
                    "false": False,
                    "no": False,
                    "off": False,
                }[text.lower()]
    except (ValueError, KeyError):
        raise ConfigError(
            f"{ENV_PREFIX}{name.upper()}={text!r} is not a {kind}.", fix="Correct it or unset it."
        ) from None
    return text
