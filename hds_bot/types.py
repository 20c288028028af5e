"""What travels between the rooms: frozen dataclasses, closed sets, one protocol.

Offsets are always code-point offsets into the *normalised* text of a document
(`Document.text`) or into one of the user's turns; `end` is exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Language = Literal["fr", "en"]
Authority = Literal["law", "regulator", "guide"]
Status = Literal["in_force", "superseded"]
Method = Literal["lexicon", "semantic", "inherent", "user"]
Outcome = Literal["fired", "overridden", "not_met", "unknown"]
CitedBy = Literal["rule", "retrieval"]
FactValue = bool | str | None
Progress = Callable[[int, int], None]
"""Called with (done, total) as a long task advances."""


class Verdict(StrEnum):
    """The five verdicts, as written in the JSON contract."""

    OUI = "oui"
    NON = "non"
    A_PRECISER = "a_preciser"
    SANS_VERDICT = "sans_verdict"
    HORS_PERIMETRE = "hors_perimetre"


# -- documents and passages ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Section:
    """A heading's reach: its path of headings and the slice it governs."""

    path: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """One source document: metadata, normalised text, where its sections and pages lie."""

    id: str
    """Path inside the corpus folder, POSIX, without the suffix."""
    title: str
    text: str
    """Normalised once, by `corpus`; every offset points into it."""
    language: Language = "fr"
    source: str = ""
    """Address or reference of the original."""
    date: str = ""
    publisher: str = ""
    licence: str = ""
    authority: Authority = "guide"
    status: Status = "in_force"
    tags: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    pages: tuple[int, ...] = ()
    """Start offset of each page, in order; empty where the format has no pages."""
    sha256: str = ""
    """Of the file's bytes as read."""


@dataclass(frozen=True, slots=True)
class Passage:
    """An exact slice of a document: `document.text[start:end] == text`, 600 characters at most."""

    id: str
    """SHA-256 (16 hex digits) of document id + context + text: stable while its words are."""
    document: str
    title: str
    section: tuple[str, ...]
    text: str
    start: int
    end: int
    page: int | None = None
    context: str = ""
    """What is embedded and lexically indexed before the text (heading path, lead-in); never shown."""

    @property
    def indexed_text(self) -> str:
        """What the encoder and the lexical index see."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    def to_dict(self) -> dict[str, Any]:
        """Its words and its place, as plain JSON values."""
        return {
            "id": self.id,
            "document": self.document,
            "title": self.title,
            "section": list(self.section),
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "page": self.page,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage; `score` in [0, 1] after fusion, `rank` from 1."""

    passage: Passage
    score: float
    rank: int

    def to_dict(self) -> dict[str, Any]:
        """Give a cited passage without who cited it."""
        return {**self.passage.to_dict(), "score": _rounded(self.score), "rank": self.rank}


# -- facts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words of a turn that show a fact: `turns[turn][start:end] == text`."""

    turn: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about the situation: true, false, unknown (None), or a word of a closed set."""

    id: str
    value: FactValue
    evidence: Evidence | None = None
    method: Method = "lexicon"


# -- answers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DecidingRule:
    """The rule that decided, with the quote it is pinned to and its place."""

    id: str
    title: str
    document: str
    section: tuple[str, ...]
    quote: str

    def to_dict(self) -> dict[str, Any]:
        """Give the rule with its section as one line."""
        return {**asdict(self), "section": " › ".join(self.section)}


@dataclass(frozen=True, slots=True)
class TraceStep:
    """Why a rule did or did not decide, with the facts it read."""

    rule: str
    outcome: Outcome
    facts: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {**asdict(self), "facts": list(self.facts)}


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a missing fact and the verdict it leads to (`a_preciser`: more is needed)."""

    label: str
    value: FactValue
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {"label": self.label, "value": self.value, "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class MissingFact:
    """A fact that can still change the verdict, as a question that a person understands."""

    fact: str
    question: str
    options: tuple[Option, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        options = [option.to_dict() for option in self.options]
        return {"fact": self.fact, "question": self.question, "options": options}


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The smallest change of one fact that turns the verdict."""

    fact: str
    value: FactValue
    verdict: Verdict
    quote: str = ""
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the change and where it leads; its words are for people."""
        return {"fact": self.fact, "value": self.value, "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class Caution:
    """Where the official texts are narrower, wider or unsettled; never changes the verdict."""

    id: str
    text: str
    reference: str
    url: str
    standing: str = ""
    checked: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the text with its reference and address."""
        return {"id": self.id, "text": self.text, "reference": self.reference, "url": self.url}


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """A passage in an answer: its place, its rank, and who cited it."""

    passage: Passage
    score: float
    rank: int
    cited_by: CitedBy
    quote: str = ""
    """The verbatim words inside the passage to mark, where a rule cites it."""
    publisher: str = ""
    """Of the document; empty where it names none."""
    date: str = ""
    """Of the document: a year, a month or a day as ISO 8601 writes it; empty where it has none."""

    def to_dict(self) -> dict[str, Any]:
        """Give the passage with its rank and who cited it."""
        place = {"score": _rounded(self.score), "rank": self.rank, "cited_by": self.cited_by}
        return {**self.passage.to_dict(), **place}


@dataclass(frozen=True, slots=True)
class Provenance:
    """The same question under the same hashes gives the same answer."""

    version: str
    rules: str
    corpus: str
    index: str
    encoder: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with its proof."""

    turns: tuple[str, ...]
    language: Language
    verdict: Verdict
    summary: str
    rule: DecidingRule | None
    trace: tuple[TraceStep, ...]
    facts: tuple[Fact, ...]
    missing: tuple[MissingFact, ...]
    what_would_change: tuple[Counterfactual, ...]
    cautions: tuple[Caution, ...]
    passages: tuple[CitedPassage, ...]
    provenance: Provenance
    to_review: bool = False
    """True where the deciding rule's quote is no longer in the corpus."""

    @property
    def question(self) -> str:
        """The last turn, which the answer is for."""
        return self.turns[-1]

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values: the fields and their order are a contract, the same at every door."""
        return {
            "question": self.question,
            "turns": list(self.turns),
            "language": self.language,
            "verdict": self.verdict.value,
            "summary": self.summary,
            "rule": self.rule.to_dict() if self.rule else None,
            "trace": [step.to_dict() for step in self.trace],
            "facts": [asdict(fact) for fact in self.facts],
            "missing": [missing.to_dict() for missing in self.missing],
            "what_would_change": [change.to_dict() for change in self.what_would_change],
            "cautions": [caution.to_dict() for caution in self.cautions],
            "passages": [cited.to_dict() for cited in self.passages],
            "provenance": asdict(self.provenance),
        }


def _rounded(score: float) -> float:
    # Beyond four digits it is the machine's arithmetic, not the passage's worth.
    return round(float(score), 4)


# -- protocols ----------------------------------------------------------------------------


@runtime_checkable
class Encoder(Protocol):
    """Text to unit vectors. Anything with these members fits."""

    @property
    def identity(self) -> str:
        """Name and hash: two encoders with one identity give the same vectors."""

    @property
    def dimension(self) -> int:
        """Width of a vector."""

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), dimension) float32 rows of unit length."""

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        """(len(texts), dimension) float32 rows of unit length."""


@runtime_checkable
class ReadingEncoder(Encoder, Protocol):
    """An encoder that also gives what its middle layers hold, in the same pass."""

    def read_queries(self, texts: Sequence[str]) -> tuple[FloatArray, tuple[FloatArray, ...]]:
        """Vectors (n, dimension), rows of unit length, and for each text its states (tokens, any width)."""
