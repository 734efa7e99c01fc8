"""Pictures of flows, runs and backfills, drawn from views: SVG, HTML, DOT, plain text, and the bundle for a cell."""

from __future__ import annotations

from jupyter_flows.picture.bundle import MIME, mimebundle
from jupyter_flows.picture.dot import dot, export
from jupyter_flows.picture.html import html, picture_of
from jupyter_flows.picture.text import text

__all__ = ["MIME", "dot", "export", "html", "mimebundle", "picture_of", "text"]
