"""How large a document may be before it is refused, so that one file can't stop a build."""

from __future__ import annotations

MAX_BYTES = 50 * 1024 * 1024
"""Of a file as it lies in the corpus."""
MAX_METADATA = 20_000
"""Characters of front matter or of a side file."""
MAX_NESTING = 40
"""Levels of lists, quotes or elements inside one another."""
MAX_EXPANDED = 200 * 1024 * 1024
"""Bytes that an Office file may unpack to."""
MAX_PAGES = 2000
MAX_SECONDS = 120
"""To read the pages of one PDF."""
