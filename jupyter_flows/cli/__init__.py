"""The shell's door: `jupyter flows VERB …`."""

from __future__ import annotations


def main() -> None:
    """The console script `jupyter-flows`."""
    import sys

    from jupyter_flows.cli.door import run

    sys.exit(run(sys.argv[1:]))
