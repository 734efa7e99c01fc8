"""Where flows, runs and values are kept. The only place that knows SQL; `open.open_store` is the way in."""
