"""The bot behind the page: one a process, its index built first where it is missing or stale."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from hds_bot.bot import BuildProgress, HdsBot, Settings
from hds_bot.errors import HdsBotError, InputError
from hds_bot.interfaces.page.conversation import Conversation
from hds_bot.types import Answer, FactValue

_open: dict[Settings, HdsBot] = {}
_opening = threading.Lock()
_Asked = tuple[str | None, tuple[str, ...], tuple[tuple[str, FactValue], ...]]


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
    """The answers of one session: asked once as long as neither the steps nor the index change."""

    def __init__(self) -> None:
        self._answers: dict[_Asked, Answer | InputError] = {}

    def to(self, conversation: Conversation, bot: HdsBot) -> list[Answer | InputError]:
        """Answer each step, or say why it can't be; what is outdated is let go."""
        generation = bot.snapshot.generation
        asked = [conversation.until(number) for number in range(len(conversation.steps))]
        keys = [(generation, until.turns, tuple(until.known.items())) for until in asked]
        known = self._answers
        self._answers = {
            key: known.get(key) or _ask(bot, until) for key, until in zip(keys, asked, strict=True)
        }
        return [self._answers[key] for key in keys]


def _ask(bot: HdsBot, conversation: Conversation) -> Answer | InputError:
    try:
        return bot.ask(conversation.turns, known_facts=conversation.known)
    except InputError as error:
        return error


def _warm_up(bot: HdsBot) -> None:
    # Lexicon, words and encoder are loaded by the first question: let it be this one.
    with suppress(HdsBotError):
        bot.ask("HDS ?")
