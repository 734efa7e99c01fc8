"""Writes the states' looks for the browser side from `jupyter_flows.picture.colours`. Run it after changing them."""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_flows.picture.colours import STATES, as_json

HERE = Path(__file__).parent


def states_json() -> str:
    """The table of shapes and words."""
    table = as_json()
    for one in table["states"].values():
        for colour in ("solid", "on", "solidDark", "onDark", "ink", "inkDark"):
            del one[colour]
    return json.dumps(table, indent=2, ensure_ascii=False) + "\n"


def states_css() -> str:
    """The colours: `--jp-flows-state-*` wins, so that a theme can set them."""
    rules = ["/* Written by write_states.py from jupyter_flows/picture/colours.py */"]
    for dark in (False, True):
        for name, one in STATES.items():
            solid, on, ink = (
                (one.solid_dark, one.on_solid_dark, one.ink_dark) if dark else (one.solid, one.on_solid, one.ink)
            )
            themes = ("[data-jp-theme-light='false'] ", ".vscode-dark ") if dark else ("",)
            for where in (f"{theme}.jfx-{name}" for theme in themes):
                rules.append(
                    f"{where} {{\n  --jfx-solid: var(--jp-flows-state-{name.replace('_', '-')}, {solid});\n"
                    f"  --jfx-on: {on};\n  --jfx-ink: {ink};\n}}"
                )
    rules.append("@media (prefers-color-scheme: dark) {")
    for name, one in STATES.items():
        rules.append(
            f"  body:not([data-jp-theme-light]) .jfx-{name} {{\n"
            f"    --jfx-solid: var(--jp-flows-state-{name.replace('_', '-')}, {one.solid_dark});\n"
            f"    --jfx-on: {one.on_solid_dark};\n    --jfx-ink: {one.ink_dark};\n  }}"
        )
    return "\n".join([*rules, "}"]) + "\n"


if __name__ == "__main__":
    (HERE / "src" / "view" / "states.json").write_text(states_json(), encoding="utf-8")
    (HERE / "style" / "states.css").write_text(states_css(), encoding="utf-8")
