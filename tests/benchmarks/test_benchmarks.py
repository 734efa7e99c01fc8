"""The benchmarks can be run. How fast anything is, is not asserted here: test machines are busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import alone, contests, ours
from benchmarks.figures import Contest, Figure, take_turns
from benchmarks.plot import draw
from benchmarks.reference import chains
from benchmarks.report import document, table
from benchmarks.workloads import Workload, build, workloads
from jupyter_flows import open_flows
from jupyter_flows.runtime.flows import Flows

ALL = {w.name: w for w in workloads()}


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    flows = open_flows(tmp_path_factory.mktemp("home"), parallelism=2)
    yield flows
    flows.close()


@pytest.mark.parametrize("name", ALL)
def test_a_workload_is_a_flow_without_problems(name: str, flows: Flows, tmp_path: Path) -> None:
    workload = ALL[name]
    flow, problems = flows.read(build(workload, tmp_path).flow)
    assert not problems
    assert len(flow.tasks) == sum(workload.stages)


@pytest.mark.parametrize("name", ALL)
def test_the_reference_runs_as_many_notebooks_as_we_do(name: str, tmp_path: Path) -> None:
    workload = ALL[name]
    stages = chains(workload, build(workload, tmp_path), tmp_path / "out")
    targets = [target for stage in stages for chain in stage for _, target, _ in chain]
    assert len(set(targets)) == len(targets) == workload.count


@pytest.mark.kernel
@pytest.mark.parametrize("name", ["W1", "W2", "W3", "W4", "W5"])
def test_the_quick_variant_of_a_workload_runs(name: str, flows: Flows, tmp_path: Path) -> None:
    workload = ALL[name].quick()
    keys = ours.carry_out(flows, workload, build(workload, tmp_path))
    assert len(keys) == max(1, workload.days)
    if name == "W2":
        assert len(ours.gaps(flows, keys[0])) == 2


@pytest.mark.kernel
def test_a_contest_has_a_ratio_for_every_round(tmp_path: Path) -> None:
    found, _ = contests.measure(ALL["W1"].quick(), tmp_path, rounds=1)
    assert [(c.ours_is, c.reference_is) for c in found] == [
        (contests.WARM, "papermill API"),
        (contests.WARM, contests.COMMAND),
        (contests.COLD, "papermill API"),
        (contests.SHELL, contests.COMMAND),
    ]
    assert all(len(c.ours) == len(c.reference) == 1 and c.ratio.middle > 0 for c in found)


def test_what_needs_no_kernel_is_measured(tmp_path: Path) -> None:
    figures = [
        *alone.empty_tasks(tmp_path / "empty", 20, 1),
        *alone.backfill(tmp_path / "backfill", 30, 1),
        *alone.picture(tmp_path / "picture", 20, 1),
        *alone.extension(tmp_path / "extension", 1),
    ]
    assert all(len(f.values) == 1 for f in figures)
    assert len(alone.imports(1).ours) == 1


def test_a_ratio_is_taken_within_its_round() -> None:
    contest = Contest("W1", "", "ours", "reference", ours=[1.0, 10.0, 1.0], reference=[2.0, 40.0, 10.0])
    assert (contest.ratio.middle, contest.ratio.least, contest.ratio.most) == (0.25, 0.1, 0.5)


def test_every_other_round_begins_at_the_other_end() -> None:
    order: list[str] = []
    take_turns([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert "".join(order) == "abbaab"


def test_the_table_says_where_a_target_is_missed(tmp_path: Path) -> None:
    good = Contest("W1", "one", contests.WARM, "papermill API", 0.5, ours=[1.0], reference=[4.0])
    bad = Contest("W2", "ten", contests.WARM, "papermill API", 0.5, ours=[3.0], reference=[4.0])
    slow = Figure("load_ext", "loading", limit=0.1, values=[0.2])
    lines = table([good, bad], [slow]).splitlines()
    assert ["(missed)" in line for line in lines if line.startswith(("| W", "| load"))] == [False, True, True]
    assert document({}, [bad], [slow])["contests"][0]["ratio"] == 0.75
    draw([good, bad], tmp_path / "picture.svg")
    assert "</svg>" in (tmp_path / "picture.svg").read_text(encoding="utf-8")


def test_a_quick_workload_keeps_its_shape() -> None:
    small = Workload("W3", "", stages=(1, 20, 1), parallel=2).quick()
    assert (small.stages, small.parallel, small.count) == ((1, 3, 1), 2, 5)
