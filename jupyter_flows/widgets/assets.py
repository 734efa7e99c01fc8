"""The built browser side of the widgets, as text."""

from __future__ import annotations

from importlib.resources import files

_NOT_BUILT = """
export default {
  render({ el }) {
    el.textContent = 'The browser side of jupyter_flows is not built. Run `pip install -e .` in its source folder.';
  }
};
"""


def script() -> str:
    """The ES module anywidget runs; in a source tree that was never built, one that says so."""
    return _read("widget.js") or _NOT_BUILT


def stylesheet() -> str:
    """The CSS that belongs to it; empty when not built."""
    return _read("widget.css")


def _read(name: str) -> str:
    file = files("jupyter_flows.widgets") / "static" / name
    return file.read_text(encoding="utf-8") if file.is_file() else ""
