"""Importing the package and loading the extension feel instant: nothing heavy is loaded before it is needed."""

from __future__ import annotations

import statistics
import subprocess
import sys
import textwrap

HEAVY = (
    "sqlalchemy",
    "papermill",
    "nbformat",
    "IPython",
    "tornado",
    "ipywidgets",
    "anywidget",
    "alembic",
    "click",
    "jinja2",
)


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_importing_the_package_loads_no_heavy_library() -> None:
    loaded = _python("import sys, jupyter_flows; print(' '.join(sys.modules))").split()
    assert not {m.partition(".")[0] for m in loaded} & set(HEAVY)


def test_what_task_kernels_import_loads_no_heavy_library() -> None:
    loaded = _python("import sys, jupyter_flows.task; print(' '.join(sys.modules))").split()
    assert not {m.partition(".")[0] for m in loaded} & set(HEAVY)


def test_loading_the_extension_needs_little_more_than_an_empty_one() -> None:
    """Processor time, not time on the wall: what else the machine does must not decide."""
    code = """
        import sys, time, types
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config
        config = Config(); config.HistoryManager.enabled = False
        shell = InteractiveShell.instance(config=config)
        empty = types.ModuleType("an_empty_extension"); empty.load_ipython_extension = lambda ip: None
        sys.modules["an_empty_extension"] = empty
        def cost(name):
            before = time.process_time()
            result = shell.run_cell(f"%load_ext {name}")
            assert result.success
            return time.process_time() - before
        cost("an_empty_extension")
        print(cost("jupyter_flows"), "sqlalchemy" in sys.modules, "papermill" in sys.modules, "click" in sys.modules)
    """
    answers = [_python(code).split() for _ in range(3)]
    assert all(a[1:] == ["False"] * 3 for a in answers)
    assert statistics.median(float(a[0]) for a in answers) < 0.1


def test_the_scheduler_and_the_store_need_no_notebook_library() -> None:
    loaded = _python(
        """
        import sys
        import jupyter_flows.engine.machine, jupyter_flows.timetable.parse, jupyter_flows.views
        print(' '.join(sys.modules))
        """
    ).split()
    assert not {m.partition(".")[0] for m in loaded} & (set(HEAVY) - {"tornado"})
