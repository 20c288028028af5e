"""Personal data in what a user writes: found by form and, where there is one, by their check digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from stdnum import iban
from stdnum.fr import nir

Kind = Literal["nir", "iban", "email", "telephone", "name"]

_CAPITALISED = r"[A-ZÀ-ÖØ-Þ][\w’'-]+"
_NAME = rf"(?-i:(?P<name>{_CAPITALISED}(?:\s+{_CAPITALISED})*))"
_TITLE = r"(?:m\.|mme|mlle|mr|mrs|ms|monsieur|madame)"
_FORMS: Mapping[Kind, re.Pattern[str]] = {
    "nir": re.compile(r"(?<!\w)[1-478](?:[ .-]?[0-9AB]){14}(?!\w)", re.IGNORECASE),
    "iban": re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)"),
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "telephone": re.compile(
        r"(?<![\w+])(?:(?:\+33|0033|0) ?[1-9](?:[ .-]?\d\d){4}|\+\d(?:[ .-]?\d){8,13})(?!\w)"
    ),
    "name": re.compile(
        rf"(?<!\w)(?:patiente?|{_TITLE})(?:\s+{_TITLE})?"
        rf"(?:\s+(?:nommée?|appelée?|named|called|est|is)|\s*:)?\s+{_NAME}",
        re.IGNORECASE,
    ),
}
_SEPARATORS = str.maketrans("", "", " .-")
_NO_NAMES = frozenset(
    {"Mme", "Mlle", "Mr", "Mrs", "Ms", "Monsieur", "Madame"}
    | {"HDS", "RGPD", "GDPR", "SaaS", "DPI", "DMP", "Android", "Portal", "Records", "Data"}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What kind of personal data stands where: `text[start:end]`."""

    kind: Kind
    start: int
    end: int


def find(text: str) -> tuple[Finding, ...]:
    """Find personal data, in the order of the text, none overlapping another."""
    kept: list[Finding] = []
    for finding in _candidates(text):
        if all(finding.end <= other.start or other.end <= finding.start for other in kept):
            kept.append(finding)
    return tuple(sorted(kept, key=lambda finding: finding.start))


def mask(text: str, names: Mapping[str, str]) -> str:
    """Put the name of its kind, in brackets, in the place of each finding."""
    for finding in reversed(find(text)):
        text = f"{text[: finding.start]}[{names[finding.kind]}]{text[finding.end :]}"
    return text


def _candidates(text: str) -> Iterator[Finding]:
    for kind, form in _FORMS.items():
        for found in form.finditer(text):
            group = "name" if kind == "name" else 0
            if _CHECKS[kind](found[group].translate(_SEPARATORS)):
                yield Finding(kind, *found.span(group))


_CHECKS: Mapping[Kind, Callable[[str], bool]] = {
    "nir": nir.is_valid,
    "iban": iban.is_valid,
    "email": bool,
    "telephone": bool,
    "name": lambda name: name not in _NO_NAMES,
}
