"""What a forge is started with, known to both of its sides."""

from __future__ import annotations

from collections.abc import Mapping

INLINE = "module://matplotlib_inline.backend_inline"
PLACEHOLDER = "-" * 4096
"""Room for an attempt's folder in the environment block, where /proc shows it."""

ONE_THREAD: Mapping[str, str] = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
}
"""While libraries load they must start no threads: a forked child would lack them."""
