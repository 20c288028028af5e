"""A decision sheet as a PDF of one A4 page."""

from __future__ import annotations

from contextlib import closing
from importlib import resources

from fpdf import FPDF
from fpdf.fonts import TTFFont

from hds_bot.interfaces.page.sheet import Part, Sheet, spoken_date
from hds_bot.types import Language

_FONT, _MARGIN = "Source Sans Pro", 16
_SIZES = (10.0, 9.0, 8.0, 7.0, 6.0)
"""Points, the largest that keeps the sheet on one page is taken."""
_INK, _SOFT, _LINE = (27, 36, 48), (85, 96, 110), (213, 219, 227)


def to_pdf(made: Sheet, language: Language) -> bytes:
    """Lay a sheet out; where the smallest size is too large for one page, it goes on to the next."""
    laid = b""
    for size in _SIZES:
        with closing(_Page(made, language, size)) as page:
            if page.pages_count == 1 or size == _SIZES[-1]:
                laid = bytes(page.output())
                break
    return laid


class _Page(FPDF):
    """The layout at one size."""

    def __init__(self, made: Sheet, language: Language, size: float) -> None:
        super().__init__(format="A4")
        self._size = size
        self._prepare(made, language)
        self._write(f"{made.title} — {spoken_date(made.date)}", colour=_SOFT)
        self._write(made.verdict, size=1.8 * size, bold=True, after=0.2)
        self._write(made.summary, size=1.1 * size, after=0.4)
        for part in made.parts:
            self._part(part)
        self._write(made.notice, size=0.9 * size, colour=_SOFT)

    def close(self) -> None:
        """Close the font files, which fpdf keeps open."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    def _prepare(self, made: Sheet, language: Language) -> None:
        files = resources.files("font_source_sans_pro") / "files"
        for style, file in (("", "Regular"), ("B", "Semibold")):
            self.add_font(_FONT, style, str(files / f"SourceSansPro-{file}.ttf"))
        self.set_title(made.title)
        self.set_lang(language)
        self.set_creation_date(made.date)
        self.set_margin(_MARGIN)
        self.set_auto_page_break(True, margin=_MARGIN)
        self.add_page()

    def _part(self, part: Part) -> None:
        self.set_draw_color(*_LINE)
        self.line(_MARGIN, self.get_y(), self.w - _MARGIN, self.get_y())
        self.ln(0.15 * self._size)
        self._write(part.heading, bold=True)
        for line in part.lines:
            self._write(f"• {line}", indent=3)
        self.ln(0.2 * self._size)

    def _write(
        self,
        text: str,
        *,
        size: float = 0,
        bold: bool = False,
        colour: tuple[int, int, int] = _INK,
        indent: float = 0,
        after: float = 0,
    ) -> None:
        size = size or self._size
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(*colour)
        self.set_x(_MARGIN + indent)
        self.multi_cell(0, 0.47 * size, text, align="L", new_x="LMARGIN", new_y="NEXT")
        self.ln(after * self._size)
