"""Around each mention: denied, doubted, past, to come, elsewhere, or an exception to what was just said.

The method is that of NegEx and ConText (Chapman et al., 2001; Harkema et al., 2009): a cue opens a scope
that runs to a terminator. Cues and terminators are data (`lexicon/cues.toml`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hds_bot.facts.lexicon import Lexicon, Mention
from hds_bot.facts.text import Token, tokenise, word_set

SUBJECTS = word_set(
    "je j' jai jsuis tu il elle on nous vous ils elles ce c' ca cela qui y i we you he she they it there "
    "that this who which"
)
NEW_CLAUSE_AFTER_COMMA = SUBJECTS | word_set(
    "notre nos mon ma mes our my donc so car because puisque since then alors puis le la les l' the chaque "
    "every"
)
LINKS = word_set("et and ou or donc so car because puisque since")
HARD_STOPS = frozenset(";:()—–")
CLAUSE_SIGNS = frozenset(",;:()—–")
EXCLUSION_KINDS = frozenset({"anonymised", "statistical", "simulated", "no_personal_data"})
SPOKEN_AFTER_VERB = frozenset({"neg_pas", "neg_rien", "neg_jamais", "neg_aucun"})
SPEAKERS = word_set("je j' on nous ils elles il elle jai jenvoi")
SHORT_QUESTION = 8
CLOSE = 6
ANSWERS_NO = word_set("non no jamais never aucun aucune zero rien none nope pas")


@dataclass(frozen=True, slots=True)
class Seen:
    """A mention and what its surroundings make of it."""

    mention: Mention
    turn: int
    sentence: int
    clause: int
    asked: bool
    """In a question."""
    negated: bool
    exceptional: bool
    """Named as an exception to, or beside, what was said before."""
    unsure: bool
    past: bool
    future: bool
    elsewhere: bool
    partial: bool

    @property
    def family(self) -> str:
        """The concept's family."""
        return self.mention.family

    @property
    def kind(self) -> str:
        """The concept's kind."""
        return self.mention.kind

    @property
    def concept(self) -> str:
        """The concept's id."""
        return self.mention.concept.id

    @property
    def holds(self) -> bool:
        """Said to be so, now and here."""
        return not (self.negated or self.unsure or self.past or self.elsewhere)

    @property
    def denied(self) -> bool:
        """Said not to be so (any more, or here)."""
        return (self.negated or self.past or self.elsewhere) and not self.unsure


@dataclass(frozen=True, slots=True)
class Scene:
    """One turn as read: tokens and mentions with their surroundings."""

    turn: int
    text: str
    tokens: tuple[Token, ...]
    seen: tuple[Seen, ...]
    cues: tuple[Mention, ...]

    @property
    def words(self) -> int:
        """How many words the turn has."""
        return sum(token.is_word for token in self.tokens)

    def of(self, *kinds: str, family: str | None = None) -> list[Seen]:
        """List the mentions of these kinds (and family), in order."""
        return [s for s in self.seen if s.kind in kinds and (family is None or s.family == family)]

    def family(self, *families: str) -> list[Seen]:
        """List the mentions of these families, in order."""
        return [s for s in self.seen if s.family in families]


def read_turn(turn: int, text: str, lexicon: Lexicon, language: str = "fr") -> Scene:
    """Find the lexicon's concepts in a turn and say what surrounds each."""
    tokens = tokenise(text)
    mentions = lexicon.find(tokens, language)
    cues = [m for m in mentions if m.family == "cues"]
    others = _without_decoyed([m for m in mentions if m.family != "cues"])
    scopes = _Scopes(tokens, cues, others)
    seen = tuple(scopes.describe(turn, m) for m in others)
    return Scene(turn, text, tuple(tokens), seen, tuple(cues))


def _without_decoyed(mentions: Sequence[Mention]) -> list[Mention]:
    """Drop what overlaps a decoy: « ordonnance du tribunal » is no prescription."""
    decoys = [m for m in mentions if m.family == "decoys"]
    return [
        m
        for m in mentions
        if m.family == "decoys" or not any(d.first <= m.last and m.first <= d.last for d in decoys)
    ]


class _Scopes:
    """Marks over the tokens of one turn, filled cue by cue."""

    def __init__(self, tokens: Sequence[Token], cues: Sequence[Mention], mentions: Sequence[Mention]) -> None:
        self.tokens, self.mentions = tokens, mentions
        self.by_kind: dict[str, list[Mention]] = {}
        for cue in cues:
            self.by_kind.setdefault(cue.kind, []).append(cue)
        self.bounds = _sentence_bounds(tokens)
        self.clauses = self._clauses()
        size = len(tokens)
        self.negated, self.exceptional = [0] * size, [False] * size
        self.unsure, self.past, self.future = [False] * size, [False] * size, [False] * size
        self.elsewhere, self.partial = [False] * size, [False] * size
        self._negations()
        self._answers_no()
        self._tenses()
        self._sentence_wide()
        self._exceptions()

    def describe(self, turn: int, mention: Mention) -> Seen:
        """Say what the marks make of a mention, read at its words."""
        span = range(mention.first, mention.last + 1)
        last = self.tokens[self.bounds[self.tokens[mention.last].sentence][1]]
        return Seen(
            mention,
            turn,
            self.tokens[mention.first].sentence,
            self.clauses[mention.first],
            asked=last.text == "?",
            negated=mention.concept.id.endswith("_denied") or self._is_negated(mention),
            exceptional=any(self.exceptional[i] for i in span),
            unsure=any(self.unsure[i] for i in span),
            past=any(self.past[i] for i in span),
            future=any(self.future[i] for i in span),
            elsewhere=any(self.elsewhere[i] for i in span),
            partial=any(self.partial[i] for i in span),
        )

    def _is_negated(self, mention: Mention) -> bool:
        """Take an exclusion as denied by what stands close to it, anything else by any scope."""
        denied = any(self.negated[i] % 2 for i in range(mention.first, mention.last + 1))
        if mention.kind not in EXCLUSION_KINDS or mention.kind == "no_personal_data":
            return denied
        near = range(mention.first - CLOSE, mention.first)
        return denied and any(c.last in near or c.first == mention.last + 1 for c in self._cues("negation"))

    # -- clauses --------------------------------------------------------------------------

    def _clauses(self) -> list[int]:
        """Cut clauses at signs, contrasts and links that a subject follows; number them by token."""
        contrasts = {c.first for c in self._cues("contrast", "exception", "present", "future")}
        numbers, number = [], 0
        for i, token in enumerate(self.tokens):
            new_sentence = i and token.sentence != self.tokens[i - 1].sentence
            if new_sentence or token.text in CLAUSE_SIGNS or i in contrasts or self._links(i):
                number += 1
            numbers.append(number)
        return numbers

    def _links(self, i: int) -> bool:
        following = self.tokens[i + 1].fold if i + 1 < len(self.tokens) else ""
        return self.tokens[i].fold in LINKS and following in SUBJECTS

    # -- negation -------------------------------------------------------------------------

    def _negations(self) -> None:
        last_scope = -1
        for cue in self._cues("negation"):
            if cue.concept.id == "neg_non":
                self._prefix(cue)
                continue
            start, stop = self._with_ne(cue), self._scope_end(cue)
            new = [i for i in range(start, stop) if i > last_scope or not self.negated[i]]
            for i in new:
                self.negated[i] = 1
            last_scope = max(last_scope, stop - 1)
            self._subject(cue, start)
            self._resumed(cue, start)
        for cue in self._cues("denial_of_denial"):
            for i in range(cue.last + 1, self._sentence_end(cue.last)):
                self.negated[i] += 1

    def _prefix(self, cue: Mention) -> None:
        """« non nominatif »: the next word only."""
        for i in range(cue.last + 1, min(cue.last + 3, len(self.tokens))):
            if not self.tokens[i].is_word and self.tokens[i].text != "-":
                return
            self.negated[i] = 1

    def _with_ne(self, cue: Mention) -> int:
        """Start at « ne », or where it is left out (« j'envoie rien »), at the verb's subject."""
        before = range(cue.first, max(cue.first - 6, self.bounds[self.tokens[cue.first].sentence][0] - 1), -1)
        for i in before:
            if self.tokens[i].fold in {"ne", "n'"}:
                return i
        if cue.concept.id in SPOKEN_AFTER_VERB:
            for i in before[1:4]:
                if self.tokens[i].fold in SPEAKERS:
                    return i
        return cue.first

    def _scope_end(self, cue: Mention) -> int:
        """First token that the negation does not reach; « nobody » as a subject reaches past commas."""
        at, subject = cue.last, cue.concept.id == "neg_subject"
        end = self._sentence_end(at)
        stops = {
            c.first for c in self._cues("contrast", "exception", "present", "restriction", "not_a_negation")
        }
        for i in range(at + 1, end):
            if i in stops or self.tokens[i].text in HARD_STOPS or self._dash(i):
                return i
            if self.tokens[i].text == "," and not subject and self._opens_clause(i + 1):
                return i
            if i > at + 1 and self._links(i):
                return i
        return end

    def _dash(self, i: int) -> bool:
        """Tell a dash between spaces from a hyphen."""
        token = self.tokens[i]
        around = i + 1 < len(self.tokens) and self.tokens[i - 1].end < token.start
        return token.text == "-" and around

    def _opens_clause(self, i: int) -> bool:
        if i >= len(self.tokens):
            return True
        word = self.tokens[i].fold
        if word in {"et", "and"} and i + 1 < len(self.tokens):
            word = self.tokens[i + 1].fold
        return word in NEW_CLAUSE_AFTER_COMMA

    def _subject(self, cue: Mention, start: int) -> None:
        """« Les arrêts maladie ne passent jamais par chez nous »: what stands before is denied too."""
        near = range(start, min(cue.last + 5, len(self.tokens)))
        if not any(p.first in near for p in self._cues("presence")):
            return
        for i in range(self._chunk_start(start), start):
            self.negated[i] = 1

    def _resumed(self, cue: Mention, start: int) -> None:
        """« Les données médicales, nous n'y avons aucun accès »: a pronoun takes the denial back."""
        pronoun = self._fold(start) in {"n'", "ne"} and self._fold(start + 1) in {"y", "en"}
        if not pronoun and cue.concept.id != "neg_resume":
            return
        for i in range(self._asked_before(self.bounds[self.tokens[start].sentence][0]), start):
            self.negated[i] = 1

    def _asked_before(self, start: int) -> int:
        """« Les certificats ? On n'en garde aucun »: from the question that the sentence answers."""
        if start and self.tokens[start - 1].text == "?":
            first, last = self.bounds[self.tokens[start - 1].sentence]
            return first if last - first <= SHORT_QUESTION else start
        return start

    def _answers_no(self) -> None:
        """Deny what « non » answers: « Dossiers patients : non. » and « Sick leave, no. »."""
        for before, word in pairwise(range(len(self.tokens))):
            if self.tokens[before].text not in {",", ":", "?"} or self.tokens[word].fold not in ANSWERS_NO:
                continue
            if not self._ends_answer(word):
                continue
            for i in range(self._answer_start(before), before):
                self.negated[i] = 1

    def _ends_answer(self, word: int) -> bool:
        """Nothing but « plus », « du tout » and a full stop or comma follows."""
        i = word + 1
        while i < len(self.tokens) and self.tokens[i].fold in {
            "plus",
            "du",
            "tout",
            "at",
            "all",
            "either",
            "non",
        }:
            i += 1
        return (
            i >= len(self.tokens)
            or self.tokens[i].text in ".,;!)"
            or self.tokens[i].sentence != self.tokens[word].sentence
        )

    def _answer_start(self, before: int) -> int:
        i = before
        while i > 0 and self.tokens[i - 1].sentence == self.tokens[before].sentence:
            if self.tokens[i - 1].text in ",;:()":
                break
            i -= 1
        return i

    # -- tense, doubt, place --------------------------------------------------------------

    def _tenses(self) -> None:
        self._chunkwise(self._past_cues(), self.past)
        self._chunkwise(self._cues("future"), self.future)

    def _past_cues(self) -> list[Mention]:
        """« avant » alone is past; « avant l'envoi », « avant de » speak of what is to come."""
        return [
            cue
            for cue in self._cues("past")
            if self.tokens[cue.last].fold != "avant"
            or self._fold(cue.last + 1) in {"", ",", ".", "?", "!", *SUBJECTS}
        ]

    def _chunkwise(self, cues: Iterable[Mention], marks: list[bool]) -> None:
        for cue in cues:
            if cue.concept.id != "past_detruit":
                for i in range(cue.first, self._chunk_end(cue.last)):
                    marks[i] = True
            for i in range(self._chunk_start(cue.first), cue.first):
                marks[i] = True

    def _sentence_wide(self) -> None:
        for kind, marks in (("uncertainty", self.unsure), ("part", self.partial)):
            for cue in self._cues(kind):
                start, end = self.bounds[self.tokens[cue.first].sentence]
                for i in range(start, end + 1):
                    marks[i] = True
        for cue in self._cues("elsewhere"):
            for i in range(self._chunk_start(cue.first), self._chunk_end(cue.last)):
                self.elsewhere[i] = True

    # -- exceptions -----------------------------------------------------------------------

    def _exceptions(self) -> None:
        for cue in self._cues("exception"):
            start, end = self.bounds[self.tokens[cue.first].sentence]
            stop = self._exception_end(cue, start)
            rest = [*range(start, cue.first), *range(stop, end + 1)]
            for i in range(cue.last + 1, stop):
                self.exceptional[i] = True
                if cue.concept.id == "except_sauf":
                    self.negated[i] = 0 if self._excludes(rest, cue) else 1

    def _exception_end(self, cue: Mention, start: int) -> int:
        """Its sentence; at the head of one, up to the comma."""
        end = self._chunk_end(cue.last)
        if cue.first - start > 1:
            return end
        commas = [i for i in range(cue.last, end) if self.tokens[i].text == ","]
        return commas[0] if commas else end

    def _excludes(self, rest: Sequence[int], cue: Mention) -> bool:
        """Tell whether the rest says that nothing, or nothing real, is there."""
        if cue.first == self.bounds[self.tokens[cue.first].sentence][0] and not any(
            i > cue.last for i in rest
        ):
            return True
        if any(self.negated[i] % 2 for i in rest):
            return True
        return any(m.kind in EXCLUSION_KINDS and m.first in rest for m in self.mentions)

    # -- places ---------------------------------------------------------------------------

    def _cues(self, *kinds: str) -> list[Mention]:
        found = [c for kind in kinds for c in self.by_kind.get(kind, ())]
        return sorted(found, key=lambda c: c.first)

    def _fold(self, i: int) -> str:
        return self.tokens[i].fold if i < len(self.tokens) else ""

    def _sentence_end(self, at: int) -> int:
        return self.bounds[self.tokens[at].sentence][1] + 1

    def _chunk_start(self, at: int) -> int:
        """Back to the sentence's start, a contrast, a change of tense, or a hard stop."""
        start = self.bounds[self.tokens[at].sentence][0]
        turns = [c.first for c in self._cues("contrast", "present", "exception") if start <= c.first < at]
        signs = [i + 1 for i in range(start, at) if self.tokens[i].text in HARD_STOPS or self._dash(i)]
        return max([start, *turns, *signs])

    def _chunk_end(self, at: int) -> int:
        end = self._sentence_end(at)
        turns = [c.first for c in self._cues("contrast", "present", "exception") if at < c.first < end]
        signs = [i for i in range(at + 1, end) if self.tokens[i].text in HARD_STOPS or self._dash(i)]
        return min([end, *turns, *signs])


def _sentence_bounds(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """First and last token of each sentence."""
    bounds: list[tuple[int, int]] = []
    for i, token in enumerate(tokens):
        if token.sentence == len(bounds):
            bounds.append((i, i))
        bounds[token.sentence] = (bounds[token.sentence][0], i)
    return bounds
