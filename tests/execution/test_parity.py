"""A forked kernel behaves as one that was started by its kernelspec."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from jupyter_flows.model.progress import AttemptFinished
from jupyter_flows.model.run import Succeeded

pytestmark = pytest.mark.kernel

PRELOAD = ("numpy", "pandas", "matplotlib.pyplot")

CELLS = {
    "a figure": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nNone",
    "its backend": "import matplotlib; print(matplotlib.get_backend())",
    "a shell command": "!echo from the shell",
    "processes": """
        import multiprocessing
        context = multiprocessing.get_context('fork')
        queue = context.SimpleQueue()
        process = context.Process(target=lambda: queue.put(6 * 7))
        process.start(); process.join()
        print(queue.get())
        from concurrent.futures import ProcessPoolExecutor
        import math
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
            print(list(pool.map(math.sqrt, [4, 9])))
    """,
    "asyncio": "import asyncio\nawait asyncio.sleep(0)\nprint('awaited')",
    "threads": """
        import threading
        thread = threading.Thread(target=lambda: print('from a thread'))
        thread.start(); thread.join()
    """,
    "a display that is updated": """
        from IPython.display import display, clear_output
        handle = display('old', display_id=True)
        handle.update('new')
    """,
    "cleared output": "print('gone')\nclear_output(wait=True)\nprint('kept')",
    "a widget": "import ipywidgets\nipywidgets.IntSlider(value=3)",
    "a low-level print": "import os; os.write(1, b'past python\\n'); import time; time.sleep(0.3); None",
    "a table": "import pandas; pandas.DataFrame({'a': [1]})",
    "a parquet file": """
        pandas.DataFrame({'a': ['x', 'y'] * 5000}).to_parquet(f'{os.getpid()}.parquet')
        print(pandas.read_parquet(f'{os.getpid()}.parquet')['a'].value_counts().to_dict())
    """,
    "linear algebra": """
        import numpy as np, os
        a = np.ones((600, 600)); a @ a
        print(len(os.listdir('/proc/self/task')) > 0, len(os.sched_getaffinity(0)))
    """,
    "where it is": "import sys; print(sys.argv[0].rpartition('/')[2], sys.path[0], __name__, __doc__)",
    "history": "In[1][:6], _ is not None",
    "magics": "%timeit -n1 -r1 -q pass\n%config InlineBackend.figure_format",
    "signals": "import signal; print(signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD))",
    "standard input": "import sys\ntry:\n    input()\nexcept Exception as error:\n    print(type(error).__name__)",
    "the umask": "print(oct(os.umask(0o77)))",
    "whole libraries": "import jsonschema, nbformat\nprint(len(jsonschema.FormatChecker().checkers) > 10)",
    "a late interrupt handler": "print(signal.getsignal(signal.SIGINT).__name__)",
    "its environment": "print(sorted(k for k in os.environ if k.startswith(('JUPYTER_F', 'OMP', 'MPL', 'OPENB'))))",
}


def test_a_forked_kernel_does_what_a_cold_one_does(forked: Any, cold: Any) -> None:
    cells = [textwrap.dedent(source).strip() for source in CELLS.values()]
    forked.run("1", preload=PRELOAD)
    runs = {bench.how: bench.start(*cells, preload=PRELOAD) for bench in (forked, cold)}
    found = {}
    for how, waiting in runs.items():
        report = waiting.until(AttemptFinished)
        assert report.outcome == Succeeded(), how
        assert waiting.how == how
        found[how] = _told(waiting)
    for name in CELLS:
        assert found["forked"][name] == found["cold"][name], name
    assert "image/png" in found["cold"]["a figure"][0]
    assert found["cold"]["a display that is updated"] == ["'new'"]
    assert found["cold"]["cleared output"] == ["kept\n"]
    assert found["cold"]["a low-level print"] == ["past python\n"]
    assert "application/vnd.jupyter.widget-view+json" in found["cold"]["a widget"][0]


def _told(waiting: Any) -> dict[str, list[str]]:
    """What the cells show; of pictures and widgets only their kinds, which do not differ from run to run."""
    import json

    notebook = json.loads(waiting.job.output.read_text())
    told = {}
    for name, cell in zip(CELLS, notebook["cells"], strict=True):
        told[name] = ["".join(o["text"]) if "text" in o else _shown(o["data"]) for o in cell["outputs"]]
    return told


def _shown(data: dict[str, Any]) -> str:
    kinds = sorted(set(data) - {"text/plain"})
    return " ".join(kinds) if kinds else "".join(data["text/plain"])


def test_random_numbers_differ_from_attempt_to_attempt(forked: Any) -> None:
    source = """
        import random, uuid
        from numpy.random import default_rng, rand
        print(random.random(), rand(), uuid.uuid4(), default_rng().random())
    """
    seen = [forked.run(textwrap.dedent(source), preload=PRELOAD).text(0).split() for _ in range(3)]
    assert all(len(set(column)) == 3 for column in zip(*seen, strict=True))


def test_exit_hooks_and_threads_get_their_time(bench: Any) -> None:
    source = """
        import atexit, threading, time, pathlib
        atexit.register(lambda: pathlib.Path('hook').write_text('ran'))
        threading.Thread(target=lambda: (time.sleep(0.3), pathlib.Path('thread').write_text('ran'))).start()
    """
    ended = bench.run(textwrap.dedent(source))
    assert ended.outcome == Succeeded()
    assert (ended.job.cwd / "hook").read_text() == "ran"
    assert (ended.job.cwd / "thread").read_text() == "ran"


def test_linear_algebra_has_all_its_threads_in_a_forked_kernel(forked: Any) -> None:
    source = """
        import os, numpy as np
        from threadpoolctl import threadpool_info
        print({pool['num_threads'] for pool in threadpool_info()} == {len(os.sched_getaffinity(0))})
    """
    assert forked.run(textwrap.dedent(source), preload=PRELOAD).text(0) == "True\n"


def test_prints_of_a_thread_are_not_lost_when_its_cell_is_over(bench: Any) -> None:
    """Which cell they belong to is ipykernel's choice, by release."""
    source = """
        import threading, time
        thread = threading.Thread(target=lambda: (time.sleep(0.2), print('late', flush=True)))
        thread.start()
    """
    ended = bench.run(textwrap.dedent(source), "thread.join()", "print('last')")
    assert ended.text(0) + ended.text(1) == "late\n"
    assert ended.log == "late\nlast\n"
