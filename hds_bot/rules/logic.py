"""Three-valued conditions over facts (Kleene's strong logic), kept as any-of clauses of all-of atoms.

A condition is written as nested lists: `["actor is practice", {any = ["stores_records is yes", …]}]`.
An atom accepts some values of one fact. It is true of an accepted value, false of another, and unknown where
the fact is unknown, unless `unknown` is itself among the values accepted: then it is never unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from hds_bot.errors import RulesError
from hds_bot.types import FactValue

Facts = Mapping[str, FactValue]
Truth = bool | None

UNKNOWN = "unknown"
_ATOM = re.compile(r"(\w+) is (not )?(\w+(?: or \w+)*)")
_HOW = 'write "FACT is VALUE or VALUE", "FACT is not VALUE", or {any = […]}; facts are in facts.toml'


@dataclass(frozen=True, slots=True)
class Atom:
    """One fact and the values of it that are accepted."""

    fact: str
    accepted: frozenset[FactValue]

    def truth(self, facts: Facts) -> Truth:
        """Tell whether the fact's value is accepted; None where it is unknown and that isn't accepted."""
        value = facts.get(self.fact)
        if value in self.accepted:
            return True
        return None if value is None else False


@dataclass(frozen=True, slots=True)
class Terms:
    """What conditions may be written with."""

    values: Mapping[str, Mapping[str, FactValue]]
    """Of each fact, the values it may take, by the word that writes them."""
    named: Mapping[str, object] = field(default_factory=dict)
    """Conditions that others may name, as written."""

    def without(self, name: str) -> Terms:
        """Return the terms that a named condition may itself use: not its own name."""
        return Terms(self.values, {key: written for key, written in self.named.items() if key != name})


Clause = tuple[Atom, ...]


@dataclass(frozen=True)
class Condition:
    """Any of its clauses, each of them all of its atoms; no clause names a fact twice."""

    clauses: tuple[Clause, ...]

    def holds(self, facts: Facts) -> bool:
        """Tell whether the condition is true, and not merely unknown."""
        for clause in self.clauses:
            for atom in clause:
                if facts.get(atom.fact) not in atom.accepted:
                    break
            else:
                return True
        return False

    def explain(self, facts: Facts) -> tuple[Truth, tuple[str, ...]]:
        """Give the condition's value, and the facts that settle it: those of its atoms that share it."""
        values = tuple(map(facts.get, self.facts))
        if values not in self._explained:
            self._explained[values] = self._explain(facts)
        return self._explained[values]

    @cached_property
    def _explained(self) -> dict[tuple[FactValue, ...], tuple[Truth, tuple[str, ...]]]:
        """By the values of its facts, of which there are few: every answer explains every condition."""
        return {}

    def _explain(self, facts: Facts) -> tuple[Truth, tuple[str, ...]]:
        clauses = [[(atom.fact, atom.truth(facts)) for atom in clause] for clause in self.clauses]
        values = [_all([truth for _, truth in clause]) for clause in clauses]
        value = _any(values)
        sharing = [clause for clause, truth in zip(clauses, values, strict=True) if truth is value]
        return value, tuple(
            dict.fromkeys(fact for clause in sharing for fact, truth in clause if truth is value)
        )

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """The facts it reads, in the order written."""
        return tuple(dict.fromkeys(atom.fact for clause in self.clauses for atom in clause))

    @cached_property
    def rests_on_unknown(self) -> bool:
        """Whether it can be true because a fact is unknown."""
        return any(None in atom.accepted for clause in self.clauses for atom in clause)

    def meets(self, other: Condition) -> dict[str, FactValue] | None:
        """Find facts under which both conditions are true, or None where there are none."""
        for ours, theirs in product(self.clauses, other.clauses):
            both = _merge((*ours, *theirs))
            if both is not None:
                return {atom.fact: min(atom.accepted, key=str) for atom in both}
        return None


def parse(written: object, terms: Terms, *, where: str) -> Condition:
    """Read a condition as written in TOML; RulesError where it says nothing sensible or can never hold."""
    clauses = [_merge(clause) for clause in _clauses(written, terms, where)]
    possible = tuple(clause for clause in clauses if clause is not None)
    if not possible:
        raise RulesError("the condition can never hold", where=where, next_step=_HOW)
    return Condition(possible)


def _clauses(written: object, terms: Terms, where: str) -> list[Clause]:
    match written:
        case str() if written in terms.named:
            return _clauses(terms.named[written], terms.without(written), where)
        case str():
            return [(_atom(written, terms, where),)]
        case {"all": list(parts), **others} if not others:
            return _clauses(parts, terms, where)
        case list(parts):
            branches = [_clauses(part, terms, where) for part in parts]
            return [tuple(atom for clause in choice for atom in clause) for choice in product(*branches)]
        case {"any": list(parts), **others} if not others:
            return [clause for part in parts for clause in _clauses(part, terms, where)]
    raise RulesError(f"{written!r} is no condition", where=where, next_step=_HOW)


def _atom(written: str, terms: Terms, where: str) -> Atom:
    found = _ATOM.fullmatch(written)
    if not found or found[1] not in terms.values:
        raise RulesError(f"“{written}” is no condition on a known fact", where=where, next_step=_HOW)
    allowed = {**terms.values[found[1]], UNKNOWN: None}
    words = found[3].split(" or ")
    if not set(words) <= set(allowed):
        choices = ", ".join(allowed)
        raise RulesError(
            f"“{written}” names no value of {found[1]}", where=where, next_step=f"one of: {choices}"
        )
    accepted = frozenset(allowed[word] for word in words)
    return Atom(found[1], _others(accepted, allowed.values()) if found[2] else accepted)


def _others(values: frozenset[FactValue], allowed: Iterable[FactValue]) -> frozenset[FactValue]:
    return frozenset(value for value in allowed if value is not None and value not in values)


def _merge(atoms: Sequence[Atom]) -> Clause | None:
    """Keep one atom a fact; None where two of them contradict each other."""
    accepted: dict[str, frozenset[FactValue]] = {}
    for atom in atoms:
        accepted[atom.fact] = accepted.get(atom.fact, atom.accepted) & atom.accepted
    return tuple(Atom(*item) for item in accepted.items()) if all(accepted.values()) else None


def _all(truths: Sequence[Truth]) -> Truth:
    return False if False in truths else None if None in truths else True


def _any(truths: Sequence[Truth]) -> Truth:
    return True if True in truths else None if None in truths else False
