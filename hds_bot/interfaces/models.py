"""The JSON contract as types, for the doors that publish a schema: HTTP and MCP.

`tests/test_http.py` holds these against `render/data/record.schema.json` and against real answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, create_model

from hds_bot import rules
from hds_bot.bot import MAX_CHARACTERS, MAX_TURNS
from hds_bot.rules import FactSpec
from hds_bot.types import CitedBy, Language, Method, Outcome

MAX_HITS = 50
MAX_QUESTIONS = 500
VerdictWord = Literal["oui", "non", "a_preciser", "sans_verdict", "hors_perimetre"]
Value = bool | str | None
Text = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_CHARACTERS,
        pattern=r"\p{L}",
        description="French or English, with at least one letter; all turns together at most"
        f" {MAX_CHARACTERS:,} characters.",
    ),
]


def _whole(value: object) -> object:
    # JSON has one kind of number: 5.0 is 5.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
Name = Annotated[str, Field(min_length=1, max_length=500)]


class Model(BaseModel):
    """A JSON object with these fields and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


# -- what is asked ------------------------------------------------------------------------


def _accepted(fact: FactSpec) -> Any:
    words = tuple(value for value in fact.values.values() if isinstance(value, str))
    return Literal[words] | None if words else StrictBool | None


def _known_facts() -> type[Model]:
    fields: dict[str, Any] = {
        fact.id: (_accepted(fact), Field(default=None, description=fact.question["en"]))
        for fact in rules.load_rules().facts.values()
    }
    return create_model("KnownFacts", __base__=Model, __doc__="Facts set by hand; null: not known.", **fields)


KnownFacts = _known_facts()


class Conversation(Model):
    """A conversation; the answer is for its last turn."""

    turns: list[Text] = Field(min_length=1, max_length=MAX_TURNS, description="Oldest first.")
    known_facts: KnownFacts | None = Field(  # type: ignore[valid-type]
        default=None, description="Facts set by hand; they win over what the words say."
    )

    language: Language | None = Field(default=None, description="To answer in; null: that of the last turn.")

    def facts(self) -> dict[str, Any]:
        """Give what was set by hand, what was set to null included."""
        return self.known_facts.model_dump(exclude_unset=True) if self.known_facts else {}


class NumberedConversation(Conversation):
    """A conversation with an id that its answer carries."""

    id: Name | Whole


class Batch(Model):
    """Conversations to answer, in this order."""

    questions: list[NumberedConversation] = Field(min_length=1, max_length=MAX_QUESTIONS)


class Query(Model):
    """What to look for, and where."""

    query: Text
    k: Whole = Field(default=5, ge=1, le=MAX_HITS, description="How many passages at most.")
    documents: list[Name] | None = Field(default=None, min_length=1, description="Only in these documents.")
    tags: list[Name] | None = Field(
        default=None, min_length=1, description="Only where one of these tags is."
    )


# -- what is answered ---------------------------------------------------------------------


class Passage(Model):
    """An exact slice of a document: `document.text[start:end] == text`, in code points."""

    id: str
    document: str
    title: str
    section: list[str]
    text: str = Field(max_length=600)
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    page: int | None = Field(ge=1)


class Hit(Passage):
    """A passage that a search found."""

    score: float = Field(ge=0, le=1)
    rank: int = Field(ge=1)


class CitedPassage(Hit):
    """A passage that an answer rests on, or that is near to its question."""

    cited_by: CitedBy


class DecidingRule(Model):
    """The rule that decided, with the words of the guidance that it is pinned to."""

    id: str
    title: str
    document: str
    section: str
    quote: str


class TraceStep(Model):
    """Why a rule did or did not decide."""

    rule: str
    outcome: Outcome
    facts: list[str]


class Evidence(Model):
    """The words that show a fact: `turns[turn][start:end] == text`."""

    turn: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    text: str


class Fact(Model):
    """One fact about the situation, and how it was found."""

    id: str
    value: Value
    evidence: Evidence | None
    method: Method


class Option(Model):
    """One answer to a missing fact, and the verdict that it leads to."""

    label: str
    value: Value
    verdict: VerdictWord


class MissingFact(Model):
    """A fact that can still change the verdict."""

    fact: str
    question: str
    options: list[Option]


class Counterfactual(Model):
    """The smallest change that turns the verdict."""

    fact: str
    value: Value
    verdict: VerdictWord


class Caution(Model):
    """Where the official texts are narrower, wider or unsettled."""

    id: str
    text: str
    reference: str
    url: str


class Provenance(Model):
    """Hashes: the same question under the same hashes gives the same answer."""

    version: str
    rules: str
    corpus: str
    index: str
    encoder: str


class Answer(Model):
    """A verdict with its proof."""

    question: str
    turns: list[str] = Field(min_length=1)
    language: Language
    verdict: VerdictWord
    summary: str
    rule: DecidingRule | None
    trace: list[TraceStep]
    facts: list[Fact]
    missing: list[MissingFact]
    what_would_change: list[Counterfactual]
    cautions: list[Caution]
    passages: list[CitedPassage] = Field(max_length=5)
    provenance: Provenance


class Hits(Model):
    """Passages, best first; none where nothing is near."""

    passages: list[Hit]
    provenance: Provenance


class Rule(Model):
    """A rule: `when` holds any of these lists, each of them all of its conditions."""

    id: str
    group: str
    verdict: VerdictWord
    title: dict[Language, str]
    when: list[list[str]]
    overrides: list[str]
    document: str
    quote: str
    also: list[str]
    summary: dict[Language, str]
    asks: list[str]


class Rules(Model):
    """Every rule."""

    rules: list[Rule]


class DocumentEntry(Model):
    """A document without its text."""

    id: str
    authority: Literal["law", "regulator", "guide"]
    status: Literal["in_force", "superseded"]
    tags: list[str]
    passages: int = Field(ge=0)


class Documents(Model):
    """Every document."""

    documents: list[DocumentEntry]


class Document(Model):
    """A document with the normalised text that every offset points into."""

    id: str
    title: str
    text: str
    language: Language
    source: str
    date: str
    publisher: str
    licence: str
    authority: Literal["law", "regulator", "guide"]
    status: Literal["in_force", "superseded"]
    tags: list[str]
    sha256: str
