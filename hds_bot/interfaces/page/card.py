"""An answer as a card: verdict, why, the guidance's own sentence; the rest opens by a click."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from hds_bot import rules
from hds_bot.interfaces.page import picture
from hds_bot.interfaces.page.judging import judged
from hds_bot.interfaces.page.markup import Html, join, tag
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import parts
from hds_bot.render import words as answer_words
from hds_bot.rules import RuleBook
from hds_bot.types import Answer, Caution, CitedPassage, TraceStep, Verdict

_OPEN_WITHOUT_RULE = 3


def verdict(answer: Answer, say: Words) -> Html:
    """Tell the verdict in words and icon, one sentence why, and the sentence of the guidance that decides."""
    speak = answer_words(say.language)
    icon = tag("span", speak.icon[answer.verdict], class_="hds-icon", aria_hidden="true")
    word = tag("span", speak.verdict[answer.verdict], class_="hds-word")
    meaning = tag("span", speak.meaning[answer.verdict], class_="hds-meaning")
    heading = tag("h2", icon, " ", word, tag("span", " — ", class_="hds-out"), meaning, class_="hds-verdict")
    summary = tag("p", answer.summary, class_="hds-summary")
    return tag("div", heading, summary, _quote(answer, say), class_=f"hds-answer hds-{answer.verdict}")


def folded(answer: Answer, say: Words) -> Html:
    """Cited passages, why this rule, what would change the verdict, cautions: each opens by a click."""
    return tag("div", *_parts(answer, say), class_="hds-folds")


def summary_line(answer: Answer, say: Words) -> Html:
    """Give the verdict and why on one line, for an answer further up."""
    speak = answer_words(say.language)
    word = tag("strong", f"{speak.icon[answer.verdict]} {speak.verdict[answer.verdict]}")
    return tag("p", word, " — ", answer.summary, class_=f"hds-past hds-{answer.verdict}")


# -- the sentence that decides ------------------------------------------------------------


def _quote(answer: Answer, say: Words) -> str:
    if answer.rule is None:
        return ""
    speak = answer_words(say.language)
    lead = _lead_in(answer.passages[0]) if answer.passages else ""
    before = [tag("span", f"{lead} … ", class_="hds-lead")] if lead else []
    quote = (tag("strong", answer.rule.quote), parts.ellipsis(answer.rule.quote))
    original = (" ", say("card.original")) if say.language != "fr" else ()
    place = tag("figcaption", say("card.source"), " ", parts.rule_place(answer, speak), *original)
    quoted = tag("blockquote", *before, *quote, lang="fr")
    return tag("figure", quoted, place, class_="hds-quote")


def _lead_in(cited: CitedPassage) -> str:
    """Give the line that a list item completes, such as “… est soumis à l’obligation si :”."""
    before = cited.passage.text.partition(cited.quote)[0] if cited.quote else ""
    lines = before.split("\n")
    if not lines[-1].strip().startswith("•"):
        return ""
    return next((line for line in reversed(lines) if line.rstrip().endswith(":")), "")


# -- what opens by a click ----------------------------------------------------------------


def _parts(answer: Answer, say: Words) -> Iterator[Html]:
    if answer.passages:
        shown = answer.verdict == Verdict.SANS_VERDICT
        yield _fold(say("card.passages", count=len(answer.passages)), _passages(answer, say), opened=shown)
    if answer.rule:
        yield _fold(say("card.why"), _why(answer, say))
        yield _fold(say("card.picture"), [picture.path(answer, say)])
    if answer.what_would_change:
        changes = (tag("li", change.text) for change in answer.what_would_change)
        yield _fold(say("card.would_change"), [tag("ul", *changes)])
    if answer.cautions:
        yield _fold(say("card.cautions", count=len(answer.cautions)), _cautions(answer, say))


def _fold(title: str, content: Iterable[Html], *, opened: bool = False) -> Html:
    inside = tag("div", *content, class_="hds-inside")
    return tag("details", tag("summary", title), inside, open=opened, class_="hds-fold")


def _passages(answer: Answer, say: Words) -> Iterator[Html]:
    yield tag("ol", *(tag("li", _passage(cited, say)) for cited in answer.passages), class_="hds-passages")


def _passage(cited: CitedPassage, say: Words) -> Html:
    place = tag("p", parts.cited_place(cited, answer_words(say.language)), class_="hds-place")
    why = tag("span", say(f"cited_by.{cited.cited_by}"), " · ", _whole(cited, say), class_="hds-cited-by")
    return join([place, tag("blockquote", marked(cited), lang="fr"), why])


def _whole(cited: CitedPassage, say: Words) -> Html:
    """Link to the whole document, opened at the passage beside the conversation."""
    passage = cited.passage
    query = urlencode({"document": passage.document, "at": passage.start, "lang": say.language})
    return tag("a", say("card.whole"), href=f"guide?{query}", target="_blank")


def marked(cited: CitedPassage) -> Html:
    """Give a passage's text with its quote marked."""
    before, quote, after = cited.passage.text.partition(cited.quote) if cited.quote else ("", "", "")
    return join([before, tag("mark", quote), after]) if quote else join([cited.passage.text])


def _why(answer: Answer, say: Words) -> Iterator[Html]:
    book = rules.load_rules()
    judgement = judged(answer)

    def told(steps: Iterable[TraceStep]) -> Html:
        sentences = (rules.describe_step(book, judgement, step, say.language) for step in steps)
        return tag("ul", *(tag("li", sentence) for sentence in sentences))

    yield told(step for step in answer.trace if step.outcome == "fired")
    for outcome in ("overridden", "unknown", "not_met"):
        if steps := [step for step in answer.trace if step.outcome == outcome and _telling(book, step)]:
            yield _fold(say(f"trace.{outcome}", count=len(steps)), [told(steps)])


def _telling(book: RuleBook, step: TraceStep) -> bool:
    # The guidance's lines on each kind, beside their general rule, only lengthen the list.
    return step.outcome == "overridden" or not book.rule(step.rule).line


def _cautions(answer: Answer, say: Words) -> Iterator[Html]:
    yield tag("p", rules.load_rules().notice[say.language], class_="hds-notice")
    shown, rest = answer.cautions[: parts.SHOWN_CAUTIONS], answer.cautions[parts.SHOWN_CAUTIONS :]
    yield _caution_list(shown, say)
    if rest:
        yield _fold(say("card.more_cautions", count=len(rest)), [_caution_list(rest, say)])


def _caution_list(cautions: Iterable[Caution], say: Words) -> Html:
    return tag("ul", *(tag("li", *_caution(caution, say)) for caution in cautions))


def _caution(caution: Caution, say: Words) -> Iterator[str]:
    yield caution.text
    yield " "
    reference = parts.reference(caution, answer_words(say.language))
    if caution.url.startswith("https://"):
        yield tag("a", reference, href=caution.url, target="_blank")
    else:
        yield tag("cite", reference)
