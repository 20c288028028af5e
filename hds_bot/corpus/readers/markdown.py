"""Markdown (CommonMark with tables) with front matter, to clean text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hds_bot.corpus.content import BULLET, Content, ContentBuilder
from hds_bot.corpus.decoding import decode
from hds_bot.corpus.limits import MAX_NESTING
from hds_bot.corpus.metadata import split_front_matter
from hds_bot.corpus.normalising import clean
from hds_bot.errors import CorpusError

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode


def read_markdown(data: bytes, where: str) -> Content:
    """Headings, paragraphs, lists and tables without their marks; a line `---` ends all sections."""
    metadata, body = split_front_matter(decode(data, where), where)
    builder = ContentBuilder()
    for node in _parse(clean(body), where).children:
        _add(node, builder)
    return builder.content(metadata)


def _parse(body: str, where: str) -> SyntaxTreeNode:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    tokens = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING + 1}).enable("table").parse(body)
    if any(token.level >= MAX_NESTING for token in tokens):
        raise CorpusError(
            f"lists or quotes nested more than {MAX_NESTING} levels deep",
            where=where,
            next_step="flatten them: nobody can read that deep",
        )
    return SyntaxTreeNode(tokens)


def _add(node: SyntaxTreeNode, builder: ContentBuilder) -> None:
    match node.type:
        case "heading":
            builder.heading(int(node.tag[1]), _inline(node))
        case "paragraph":
            builder.paragraph(_inline(node))
        case "bullet_list" | "ordered_list":
            _add_list(node, builder, depth=0)
        case "table":
            builder.table([_inline(cell) for cell in row.children] for row in node.walk() if row.type == "tr")
        case "hr":
            builder.leave_sections()
        case "fence" | "code_block":
            builder.paragraph(node.content)
        case _:
            for child in node.children:
                _add(child, builder)


def _add_list(node: SyntaxTreeNode, builder: ContentBuilder, *, depth: int) -> None:
    first = int(node.attrs.get("start", 1))
    for number, item in enumerate(node.children, first):
        mark = f"{number}." if node.type == "ordered_list" else BULLET
        _add_item(item, builder, depth=depth, mark=mark)


def _add_item(item: SyntaxTreeNode, builder: ContentBuilder, *, depth: int, mark: str) -> None:
    opened = False
    for block in item.children:
        if block.type in ("bullet_list", "ordered_list"):
            _add_list(block, builder, depth=depth + 1)
        elif opened:
            builder.more_of_item(_words(block), depth=depth)
        else:
            builder.item(_words(block), depth=depth, mark=mark)
            opened = True


def _words(block: SyntaxTreeNode) -> str:
    """Text of any block inside a list item."""
    if not block.children:
        return "" if block.type == "html_block" else block.content
    return _inline(block) if block.children[0].type == "inline" else "\n".join(map(_words, block.children))


def _inline(node: SyntaxTreeNode) -> str:
    match node.type:
        case "text" | "code_inline" | "image":
            return node.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case _:
            return "".join(map(_inline, node.children))
