"""French or English, by the small words of either: no model, and good on one line."""

from __future__ import annotations

from collections.abc import Sequence

from hds_bot.facts.text import tokenise, word_set
from hds_bot.types import Language

FRENCH = word_set(
    "le la les un une des du de et ou est sont nous vous je il elle on notre nos mon ma mes que qui quoi "
    "pas pour dans avec sur chez faut il ce cette ces ai as avons avez ont suis sommes etes j' l' d' n' c' "
    "qu' s' au aux en y a ne plus tout tous par mais donc si ça ca quel quelle quels quelles oui non fait "
    "obligatoire besoin"
)
ENGLISH = word_set(
    "the a an of and or is are we you i he she they it our my your their that which what who not no for in "
    "with on at do does did have has had be been was were to from by but if this these those any all must "
    "mandatory compulsory required need should can could would there n't 's 're 'm 've how why when where yes us me"
)


def guess_language(turns: Sequence[str]) -> Language:
    """Language of the last turn that tells; French where none does."""
    for turn in reversed(turns):
        words = [t.fold for t in tokenise(turn) if t.is_word]
        french = sum(w in FRENCH for w in words) + sum(c in "éèêàùçôîœ" for c in turn.lower())
        english = sum(w in ENGLISH for w in words)
        if french != english:
            return "fr" if french > english else "en"
    return "fr"
