"""Where values meet IO: the facade, the scheduler, settings, and the one place that puts the pieces together."""
