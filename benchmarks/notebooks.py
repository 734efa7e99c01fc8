"""The notebooks of the workloads: the same files for us and for the reference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TRIVIAL = (
    "total = number + 1",
    "squares = [n * n for n in range(100)]",
    'print("squares", len(squares))',
    "total += sum(squares)",
    "total",
    'text = f"{label}: {total}"',
    "print(text)",
    "words = text.split()",
    "lengths = {word: len(word) for word in words}",
    "lengths",
)
"""Ten cells that take no time: what is measured is everything around them."""

LIBRARIES = (
    "import numpy as np",
    "import pandas as pd",
    "from sklearn.linear_model import LinearRegression",
    "random = np.random.default_rng(number)",
    'table = pd.DataFrame(random.normal(size=(1000, 4)), columns=list("abcd"))',
    'model = LinearRegression().fit(table[["a", "b", "c"]], table["d"])',
    "print(model.coef_.round(3))",
)
"""A small analysis: three imports people wait for, and a fit that takes no time."""

PARAMETERS = "number: int = 1\nlabel: str = 'sample'"


def write(path: Path, cells: Sequence[str], *, parameters: bool = True) -> Path:
    """A notebook with these code cells, the first of them tagged `parameters`."""
    sources = [PARAMETERS, *cells] if parameters else list(cells)
    document = {
        "cells": [_cell(f"c{i}", s, ["parameters"] if parameters and i == 0 else []) for i, s in enumerate(sources)],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _cell(name: str, source: str, tags: list[str]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"tags": tags} if tags else {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
