from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest


def test_the_documentation_is_sound(check_docs: ModuleType, root: Path) -> None:
    assert [str(fault) for fault in check_docs.check_all(root)] == []


@pytest.mark.parametrize(
    "page", ["reference/magics.md", "reference/settings.md", "reference/verbs.md", "decisions/README.md"]
)
def test_the_tables_are_those_of_the_code(write_reference: ModuleType, root: Path, page: str) -> None:
    text = (root / "docs" / page).read_text(encoding="utf-8")
    assert "<!-- table:" in text
    assert write_reference.filled(text) == text, "run python scripts/write_reference.py"


def test_every_page_is_reached_from_the_index(root: Path) -> None:
    docs = root / "docs"
    reached, todo = set[Path](), [docs / "index.md"]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8"))
            todo += [(page.parent / link).resolve() for link in links]
    assert {page.resolve() for page in docs.rglob("*.md")} <= {page.resolve() for page in reached}


def test_make_alone_names_every_target_people_call(root: Path) -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    for target in ("help", "demo", "lab", "test", "check", "ui", "bench", "torture", "docs", "clean"):
        assert f"make {target} " in shown


@pytest.mark.parametrize(
    "script",
    [
        ".ci/run",
        "scripts/find-python",
        "scripts/debian-packages",
        "scripts/show-demo",
        "binder/postBuild",
        "binder/start",
    ],
)
def test_scripts_can_be_run(root: Path, script: str) -> None:
    assert (root / script).stat().st_mode & 0o100
    subprocess.run(["bash", "-n", str(root / script)], check=True)


def test_only_missing_debian_packages_are_named(root: Path, tmp_path: Path) -> None:
    for present in ("chromium", "initdb", "dot"):
        (tmp_path / present).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / present).chmod(0o755)
    named = subprocess.run(
        ["/bin/bash", str(root / "scripts/debian-packages"), "--missing"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert named.stdout.split() == ["redis-server"]


def test_a_python_that_is_too_old_is_not_taken(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    tried = subprocess.run(
        ["/bin/bash", str(root / "scripts/find-python")], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert tried.returncode == 1
    assert "No Python 3.10 or newer" in tried.stderr
