"""Live pictures for notebooks. Imported only where one is shown: ipywidgets are heavy."""

from __future__ import annotations

from jupyter_flows.widgets.live import Action, BackfillWidget, FlowWidget, LiveView, RunWidget, static_bundle

__all__ = ["Action", "BackfillWidget", "FlowWidget", "LiveView", "RunWidget", "static_bundle"]
