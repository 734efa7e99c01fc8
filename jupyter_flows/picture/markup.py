"""Elements of SVG and HTML as text. Everything that comes from outside is escaped here, and only here."""

from __future__ import annotations

from html import escape


class Markup(str):
    """Text that is markup already: `tag` does not escape it again."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """`<name …>children</name>`. Children that are not Markup are escaped, as is every attribute.

    `cls` stands for class, `_` in a name for `-`; numbers keep one decimal; None leaves an attribute out.
    """
    words = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    inner = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    return Markup(f"<{name}{words}>{inner}</{name}>" if inner else f"<{name}{words}/>")


def join(*parts: Markup) -> Markup:
    """Several elements, one after another."""
    return Markup("".join(parts))


def label(content: str, x: float, y: float, cls: str, **attributes: str | float | None) -> Markup:
    """A line of text in an SVG."""
    return tag("text", content, cls=cls, x=x, y=y, **attributes)


def _name(key: str) -> str:
    return "class" if key == "cls" else key.replace("_", "-")


def _value(value: str | float | None) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value or 0.0, 1):g}"
