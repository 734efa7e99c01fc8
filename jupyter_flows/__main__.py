"""`python -m jupyter_flows` is `jupyter flows`."""

from jupyter_flows.cli import main

main()
