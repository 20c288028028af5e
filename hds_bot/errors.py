"""Every error that hds-bot raises on purpose.

HdsBotError                  anything below; `.what`, `.where`, `.next_step`
├── InputError               a question, a file of questions or an argument that can't be used
│   └── NotFound             no document, passage or rule has this id
├── CorpusError              a document or the corpus folder can't be read
├── RulesError               rules, lexicon or wording data are malformed, or a quote is lost
├── EncoderError             the embedding model is missing, damaged or unknown
└── IndexError_              the index can't be used or built
    ├── IndexMissing         there is none yet
    ├── IndexDamaged         truncated, altered, unreadable
    ├── IndexMismatch        built by another version, encoder or settings
    └── IndexBusy            another build holds the lock

Each message says what is wrong, where, and what to do next.
"""

from __future__ import annotations


class HdsBotError(Exception):
    """Base of the tree: what is wrong, where, and the next step."""

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what, self.where, self.next_step = what, where, next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  → {self.next_step}" if self.next_step else head


class InputError(HdsBotError):
    """A question, a file of questions or an argument that can't be used."""


class NotFound(InputError):  # noqa: N818
    """No document, passage or rule has this id."""


class CorpusError(HdsBotError):
    """A document, or the corpus folder, can't be read."""


class RulesError(HdsBotError):
    """Rules, lexicon or wording data are malformed, or a quote is lost."""


class EncoderError(HdsBotError):
    """The embedding model is missing, damaged or unknown."""


class IndexError_(HdsBotError):  # noqa: N801, N818 - the name is taken by Python  # noqa: N801, N818
    """The index can't be used or built."""


class IndexMissing(IndexError_):
    """There is no index yet."""


class IndexDamaged(IndexError_):
    """The index is truncated, altered or unreadable."""


class IndexMismatch(IndexError_):
    """The index was built by another version, encoder or settings."""


class IndexBusy(IndexError_):
    """Another build holds the lock."""
