"""Markdown (CommonMark with tables) with front matter, to clean text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from hds_bot.corpus.content import Content, ContentBuilder
from hds_bot.corpus.decoding import decode
from hds_bot.corpus.limits import MAX_NESTING, Deadline, refuse_too_much_markup
from hds_bot.corpus.metadata import split_front_matter
from hds_bot.corpus.normalising import clean
from hds_bot.corpus.readers.html import add_markup, visible_text
from hds_bot.errors import CorpusError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode


def read_markdown(data: bytes, where: str) -> Content:
    """Headings, paragraphs, lists and tables without their marks; a line `---` ends all sections."""
    refuse_too_much_markup(data, where)
    metadata, body = split_front_matter(decode(data, where), where)
    builder = ContentBuilder()
    walk = _Walk(builder, where)
    for node in _parse(clean(body), where).children:
        walk.block(node)
    return builder.content(metadata)


def _parse(body: str, where: str) -> SyntaxTreeNode:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING + 1}).enable("table")
    _set_deadline(parser, where)
    tokens = parser.parse(body)
    if any(token.level >= MAX_NESTING for token in tokens):
        raise CorpusError(
            f"lists or quotes nested more than {MAX_NESTING} levels deep",
            where=where,
            next_step="flatten them: nobody can read that deep",
        )
    return SyntaxTreeNode(tokens)


def _set_deadline(parser: MarkdownIt, where: str) -> None:
    """Add a rule that matches nothing, but is asked often enough to stop a parse that never ends."""
    deadline = Deadline(where)

    def match_nothing(*_: object) -> bool:
        deadline.check()
        return False

    chains = ["paragraph", "reference", "blockquote", "list", "table"]
    parser.block.ruler.before("table", "deadline", match_nothing, {"alt": chains})
    parser.inline.ruler.before("text", "deadline", match_nothing)


class _Walk:
    """Takes the blocks of a syntax tree to a builder."""

    def __init__(self, builder: ContentBuilder, where: str) -> None:
        self._builder = builder
        self._where = where

    def block(self, node: SyntaxTreeNode) -> None:
        """Add a block and all below it."""
        match node.type:
            case "heading":
                self._builder.heading(int(node.tag[1]), self._text(node))
            case "paragraph" | "fence" | "code_block":
                self._builder.paragraph(self._text(node))
            case "bullet_list" | "ordered_list":
                self._list(node, depth=0)
            case "table":
                rows = (row for row in node.walk() if row.type == "tr")
                self._builder.table([self._text(cell) for cell in row.children] for row in rows)
            case "html_block":
                add_markup(node.content, self._builder, self._where)
            case "hr":
                self._builder.leave_sections()
            case _:
                for child in node.children:
                    self.block(child)

    def _list(self, node: SyntaxTreeNode, *, depth: int) -> None:
        first = int(node.attrs.get("start", 1))
        for number, item in enumerate(node.children, first):
            self._item(item, depth=depth, mark=f"{number}." if node.type == "ordered_list" else None)

    def _item(self, item: SyntaxTreeNode, *, depth: int, mark: str | None) -> None:
        opened = False
        for block in item.children:
            if block.type in ("bullet_list", "ordered_list"):
                self._list(block, depth=depth + 1)
            elif opened:
                self._builder.more_of_item(self._text(block), depth=depth)
            else:
                self._builder.item(self._text(block), depth=depth, mark=mark)
                opened = True

    def _text(self, block: SyntaxTreeNode) -> str:
        """Text of any block, as a reader would see it."""
        if block.type == "html_block":
            return visible_text(block.content, self._where)
        if not block.children:
            return block.content
        if block.children[0].type != "inline":
            return "\n".join(map(self._text, block.children))
        if any(node.type == "html_inline" for node in block.walk()):
            return visible_text(_inline(block, markup=True), self._where)
        return _inline(block, markup=False)


def _inline(node: SyntaxTreeNode, *, markup: bool) -> str:
    match node.type:
        case "text" | "code_inline" | "image":
            return escape(node.content) if markup else node.content
        case "html_inline":
            return node.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "<br>" if markup else "\n"
        case _:
            return "".join(_inline(child, markup=markup) for child in node.children)
