"""Tables that stay tables: on a phone their cells stand under one another, each after its column's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hds_bot.interfaces.page.markup import Html, tag


def table(columns: Sequence[str], rows: Iterable[Html], *, kind: str = "") -> Html:
    """Put rows under the names of their columns; `kind` is a class of its own."""
    # Where cells stand under one another browsers need to be told that this is a table.
    heads = (tag("th", name, scope="col", role="columnheader") for name in columns)
    head = tag("thead", tag("tr", *heads, role="row"), role="rowgroup")
    body = tag("tbody", *rows, role="rowgroup")
    return tag("table", head, body, class_=f"hds-table {kind}".strip(), role="table")


def row(heading: str, *cells: Html) -> Html:
    """Make a row of what it is about and its cells."""
    return tag("tr", tag("th", heading, scope="row", role="rowheader"), *cells, role="row")


def cell(content: str, *, column: str = "", lang: str = "") -> Html:
    """Make a cell; `column` is the name that a phone shows before it."""
    return tag("td", content, role="cell", lang=lang, data_column=column)
