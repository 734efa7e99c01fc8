"""Source text to values: a notebook becomes a flow and its problems. Nothing the author wrote is executed."""
