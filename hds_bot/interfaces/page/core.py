"""The bot behind the page: one a process, its index built first where it is missing or stale."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from hds_bot.bot import BuildProgress, HdsBot, Settings
from hds_bot.errors import HdsBotError, InputError
from hds_bot.interfaces.page.conversation import Conversation
from hds_bot.types import Answer, FactValue, Language

_open: dict[Settings, HdsBot] = {}
_opening = threading.Lock()
_RECENT = 3
"""Steps that are answered unasked: answering all of a long conversation at once takes too long."""
_Asked = tuple[str, tuple[str, ...], tuple[tuple[str, FactValue], ...]]


def settings() -> Settings:
    """Where corpus, index and encoder are, as the environment says."""
    return Settings.resolve()


def is_open() -> bool:
    """Tell whether a question would be answered without building or loading first."""
    return settings() in _open


def open_bot(progress: Callable[[], BuildProgress]) -> HdsBot:
    """Give the bot, opened by whoever asks first; `progress` makes what follows a build.

    Raises HdsBotError where the index can't be built or opened.
    """
    wanted = settings()
    with _opening:
        if wanted not in _open:
            _open[wanted] = HdsBot.build(
                corpus=wanted.corpus,
                index=wanted.index,
                encoder=wanted.encoder,
                store=wanted.store,
                progress=progress(),
            )
            threading.Thread(target=_warm_up, args=(_open[wanted],), daemon=True).start()
        return _open[wanted]


class Answers:
    """The answers of one session, asked once as long as neither steps, language nor index change."""

    def __init__(self) -> None:
        self._answers: dict[tuple[_Asked, Language | None], Answer | InputError] = {}

    def to(
        self, conversation: Conversation, bot: HdsBot, language: Language | None, *, earlier: bool = False
    ) -> list[Answer | InputError | None]:
        """Answer each step, or say why it can't be; what is outdated is let go.

        None for a step further up that was not answered yet, unless `earlier` asks for these too.

        All are in one language: the last answer's own, where none is given.
        """
        known, self._answers = self._answers, {}
        answers: list[Answer | InputError | None] = []
        last = len(conversation.steps)
        for number in reversed(range(last)):
            until = conversation.until(number)
            asked = (bot.snapshot.generation, until.turns, tuple(until.known.items()))
            answer = known.get((asked, language))
            if answer is None and (earlier or number >= last - _RECENT):
                answer = _ask(bot, until, language)
            if answer is not None:
                self._answers[asked, language] = answer
            if isinstance(answer, Answer):
                language = answer.language
                self._answers[asked, language] = answer
            answers.insert(0, answer)
        return answers


def _ask(bot: HdsBot, conversation: Conversation, language: Language | None) -> Answer | InputError:
    try:
        return bot.ask(conversation.turns, known_facts=conversation.known, language=language)
    except InputError as error:
        return error


def _warm_up(bot: HdsBot) -> None:
    # Lexicon, words and encoder are loaded by the first question: let it be this one.
    with suppress(HdsBotError):
        bot.ask("HDS ?")
