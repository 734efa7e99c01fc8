"""`python -m benchmarks`: measure, print the table, write JSON and the picture."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import alone
from benchmarks.contests import measure
from benchmarks.figures import Contest, Figure
from benchmarks.machine import describe
from benchmarks.plot import draw
from benchmarks.report import document, table
from benchmarks.workloads import workloads

ALONE = ("import", "load_ext", "empty", "backfill", "picture")


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; the exit code is 0 whatever the figures are."""
    names = [w.name for w in workloads()]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of small variants: shows only that all works")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each workload, fewer for the longest")
    parser.add_argument("--only", default="", help=f"comma-separated, of: {', '.join([*names, *ALONE])}")
    parser.add_argument("--out", type=Path, default=Path("test-results/benchmarks"), help="where JSON and picture go")
    options = parser.parse_args(arguments)
    wanted = set(filter(None, options.only.split(","))) or {*names, *ALONE}
    if unknown := wanted - {*names, *ALONE}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    machine = describe()
    with tempfile.TemporaryDirectory(prefix="flows-bench-") as folder:
        contests, figures = run(wanted, Path(folder), quick=options.quick, rounds=options.rounds)
    _print_machine(machine)
    print(table(contests, figures))
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(machine, contests, figures), indent=1)
    (options.out / "results.json").write_text(text + "\n", encoding="utf-8")
    if any(c.reference_is.startswith("papermill API") for c in contests):
        draw(contests, options.out / "performance.svg")
    print(f"\nWritten to {options.out}")
    return 0


def run(wanted: set[str], folder: Path, *, quick: bool, rounds: int) -> tuple[list[Contest], list[Figure]]:
    """Measure everything that is `wanted`; notebooks and homes go into `folder`."""
    contests: list[Contest] = []
    figures: list[Figure] = []
    rounds, size = (1, 100) if quick else (rounds, 1000)
    if "import" in wanted:
        contests.append(alone.imports(1 if quick else 4 * rounds))
    if "load_ext" in wanted:
        figures += alone.extension(folder / "extension", rounds)
    if "empty" in wanted:
        figures += alone.empty_tasks(folder / "empty", size, rounds)
    if "backfill" in wanted:
        figures += alone.backfill(folder / "backfill", 10 * size, rounds)
    if "picture" in wanted:
        figures += alone.picture(folder / "picture", size // 2, rounds)
    for workload in workloads():
        if workload.name in wanted:
            print(f"{workload.name}: {workload.words} …", file=sys.stderr, flush=True)
            new, gaps = measure(workload.quick() if quick else workload, folder / workload.name, rounds)
            contests += new
            figures += gaps
    return contests, figures


def _print_machine(machine: dict[str, object]) -> None:
    versions = machine["versions"]
    assert isinstance(versions, dict)
    print(
        f"{machine['processors']} × {machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}, load at the start {machine['load']}"
    )
    print(", ".join(f"{name} {number}" for name, number in versions.items()), end="\n\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
