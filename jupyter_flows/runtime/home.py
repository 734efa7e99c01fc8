"""The home folder: where things are, as people find them."""

from __future__ import annotations

from pathlib import Path

from jupyter_flows.errors import ConfigError


def make_home(home: Path) -> None:
    """Create the home for this user alone. Raises ConfigError naming the folder when that cannot be done."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / "runs").mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"The home folder {home} cannot be used: {error.strerror or error}.",
            fix="Choose another with --home DIR or JUPYTER_FLOWS_HOME.",
        ) from None
