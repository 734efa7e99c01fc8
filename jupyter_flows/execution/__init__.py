"""Carrying out jobs: the only place that touches kernels."""
