"""HTML pages that need nothing but themselves: no script, no font, no picture from elsewhere."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr + tr td { border-top: 1px solid #8884; }
.good { color: #2a7f3f; } .bad { color: #b3261e; }
"""


class Html(str):
    """Text that is HTML already."""


def page(title: str, body: str, *, style: str = "") -> str:
    """Return a whole page.

    Args:
        title: plain text, also the heading.
        body: HTML.
        style: CSS beyond the common one.
    """
    name = escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}{style}</style><h1>{name}</h1>'
        f"{body}</html>\n"
    )


def table_html(head: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: Sequence[int] = ()) -> str:
    """Return a table.

    Args:
        head: of the columns, plain text; empty for none.
        rows: plain values, or `Html`; whole numbers get separators.
        numeric: columns to align to the right besides those of whole numbers.
    """
    body = list(rows)
    width = len(body[0]) if body else len(head)
    right = [n in numeric or (bool(body) and all(isinstance(row[n], int) for row in body)) for n in range(width)]
    top = "".join(f"<th{_align(right[column])}>{escape(name)}</th>" for column, name in enumerate(head))
    lines = "".join(
        "<tr>" + "".join(f"<td{_align(right[column])}>{_cell(cell)}</td>" for column, cell in enumerate(row)) + "</tr>"
        for row in body
    )
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{lines}</table>"


def data_url(content: bytes, kind: str) -> str:
    """Return a picture as text that stands in a page itself.

    Args:
        content: of its file.
        kind: the file's media type, such as ``image/png``.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _align(numeric: bool) -> str:
    return ' class="n"' if numeric else ""


def _cell(cell: object) -> str:
    if isinstance(cell, Html):
        return cell
    return escape(f"{cell:,}" if isinstance(cell, int) else str(cell))
