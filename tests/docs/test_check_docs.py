from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


def faults(check_docs: ModuleType, folder: Path, text: str) -> list[tuple[int, str]]:
    page = folder / "README.md"
    page.write_text(text, encoding="utf-8")
    return [(fault.line, fault.message) for fault in check_docs.check_all(folder)]


def fenced(language: str, body: str) -> str:
    return f"# Title\n\n```{language}\n{body}\n```\n"


@pytest.mark.parametrize(
    "text",
    [
        "[here](README.md)",
        "# A title: here\n[up](#a-title-here)",
        "[web](https://example.org/missing.md)",
        "[mail](mailto:a@example.org)",
        "```\n[not a link](missing.md)\n```",
        fenced("python", "%load_ext jupyter_flows\n%flow a --schedule @daily\n\n%%task b\nx = 1"),
        fenced("python", "%flows at 2013-02-03\nx = 1"),
        fenced("python", "%%bash\nif true; then echo; fi"),
        fenced("python", "%%wire\na >> [b, c]"),
        fenced("python", "%flows backfill --from 2013-01-01 --to 2013-02-01  # two months"),
        fenced("json", '{"runs": []}'),
        fenced("console", "$ make demo\n$ make          # what there is\n$ ls"),
        fenced(
            "console", "$ jupyter flows runs hello --json\n$ jupyter flows scheduler status\n$ jupyter flows --help"
        ),
        fenced("text", "%%task ???"),
    ],
)
def test_a_sound_page_has_no_faults(check_docs: ModuleType, tmp_path: Path, text: str) -> None:
    assert faults(check_docs, tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("one\n[gone](gone.md)", 2, "leads nowhere"),
        ("[outside](../README.md)", 1, "leads nowhere"),
        ("# Title\n[up](#elsewhere)", 2, "no heading #elsewhere"),
        ("![no picture](docs/images/none.png)", 1, "leads nowhere"),
        (fenced("python", "x = 1\ny = ="), 5, "no Python"),
        (fenced("python", "%%task b\nx = 1\ny = ="), 6, "no Python"),
        (fenced("python", "%%task b --aftr c\nx = 1"), 4, "--aftr"),
        (fenced("python", "x = 1\n%flow a --retries lots"), 5, "--retries"),
        (fenced("python", "%task train train.ipynb --colour red"), 4, "--colour"),
        (fenced("python", "%%wire\na + b"), 4, "a + b"),
        (fenced("python", "%flows dance"), 4, "no verb dance"),
        (fenced("python", "%flow f\n\n%%task a\nx = 1\n\n%%task b --after c\nz = x"), 9, "no cell defines it"),
        (fenced("python", "%flow f\n\n%%task a --colour red\nx = 1"), 6, "--colour"),
        (fenced("json", "{\n1}"), 5, "no JSON"),
        (fenced("python", "%flows backfill --form 2013-01-01"), 4, "--form"),
        (fenced("console", "$ ls\n$ jupyter flows dance"), 5, "no verb dance"),
        (fenced("console", "$ jupyter flows runs"), 4, "Missing argument"),
        (fenced("console", "$ jupyter flows scheduler dance"), 4, "dance"),
        (fenced("console", "$ make coffee"), 4, "no target coffee"),
    ],
)
def test_each_kind_of_fault_is_found_at_its_line(
    check_docs: ModuleType, tmp_path: Path, text: str, line: int, message: str
) -> None:
    found = faults(check_docs, tmp_path, text)
    assert [at for at, _ in found] == [line]
    assert message in found[0][1]


def test_faults_are_printed_and_give_exit_code_1(
    check_docs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("[gone](gone.md)", encoding="utf-8")
    assert check_docs.main([str(tmp_path)]) == 1
    assert "README.md:1: the link to gone.md leads nowhere" in capsys.readouterr().out


def test_no_fault_gives_exit_code_0(check_docs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("[web](https://example.org)", encoding="utf-8")
    assert check_docs.main([str(tmp_path)]) == 0
    assert "sound" in capsys.readouterr().out
