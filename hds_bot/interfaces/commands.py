"""The commands: each calls the core once, renders, and gives the exit status."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from hds_bot import rules
from hds_bot.bot import (
    MAX_CHARACTERS,
    BuildReport,
    HdsBot,
    Settings,
    build_index,
    check_rules,
    diff_index,
    index_state,
    watch,
)
from hds_bot.errors import InputError
from hds_bot.interfaces import batch, changes, described, evaluation, replay
from hds_bot.interfaces.progress import StagedBar, bar
from hds_bot.interfaces.questions import Question, Refused, read_questions
from hds_bot.render import terminal, to_record

Options = argparse.Namespace
DONE, FOUND, INTERRUPTED = 0, 1, 130
_MOST_PIPED = 4 * MAX_CHARACTERS + 1


# -- questions ----------------------------------------------------------------------------


def ask(options: Options) -> int:
    """`ask TURN…`: the answer, and its record where one is wanted."""
    answer = _bot(options).ask(options.turns or _piped_question(), language=options.language)
    if options.record:
        _write(options.record, _json(to_record(answer)))
    _say(
        _json(answer.to_dict()) if options.json else terminal.to_text(answer, width=_width(), color=_color())
    )
    return DONE


def search(options: Options) -> int:
    """`search QUERY`: the nearest passages; exit 1 where nothing is near."""
    hits = _bot(options).search(options.query, options.k, documents=options.document, tags=options.tag)
    if not hits:
        _tell("nothing in the corpus is near that")
    if options.json:
        _say(_json([hit.to_dict() for hit in hits]))
    else:
        _say(terminal.hits_to_text(hits, width=_width(), color=_color()))
    return DONE if hits else FOUND


def batch_answers(options: Options) -> int:
    """`batch IN`: an answer a line; exit 1 where a line was refused."""
    batch.refuse_input_as_output(options.questions, options.output)
    bot, tally = _bot(options), batch.Tally()
    try:
        with batch.writer(options.output) as write:
            batch.answer_all(bot, _questions(options), write, language=options.language, tally=tally)
    except KeyboardInterrupt as interrupt:
        kept = interrupt.kept if isinstance(interrupt, batch.Interrupted) else None
        _tell(_interruption(options, options.skip + tally.answered + tally.refused, kept))
        return INTERRUPTED
    _tell(f"{tally.answered} answered, {tally.refused} refused")
    return FOUND if tally.refused else DONE


def evaluate(options: Options) -> int:
    """`eval FILE`: every metric; exit 1 where an answer is unsafe."""
    questions = evaluation.read_labelled(options.questions)
    report = evaluation.evaluate(_bot(options), bar(questions, "Evaluating", total=len(questions)))
    _say(_json(evaluation.to_dict(report)) if options.json else evaluation.to_text(report))
    return FOUND if report.unsafe else DONE


def replay_records(options: Options) -> int:
    """`replay RECORD…`: identical, or what changed; exit 1 where a verdict turned or a record is refused."""
    bot = _bot(options)
    results = {str(path): replay.replay_file(bot, path) for path in options.records}
    if options.json:
        _say(_json({path: replay.to_dict(result) for path, result in results.items()}))
    else:
        _say("\n".join(f"{path}: {replay.to_text(result)}" for path, result in results.items()))
    return FOUND if any(map(replay.is_finding, results.values())) else DONE


# -- index --------------------------------------------------------------------------------


def index_build(options: Options) -> int:
    """`index build`: what was done; rules that lost their quote are told, and don't stop the build."""
    report = _build(_settings(options), force=options.force, keep_going=options.keep_going)
    if options.json:
        _say(_json(described.build(report)))
    else:
        _tell(changes.build_text(report))
    return DONE


def index_status(options: Options) -> int:
    """`index status`: whether there is an index, what it holds, what changed since; exit 1 where none can be used."""
    settings = _settings(options)
    state = index_state(settings)
    _say(_json(described.state(settings, state)) if options.json else described.state_text(settings, state))
    return DONE if state.manifest else FOUND


def index_check(options: Options) -> int:
    """`index check`: as status, every file hashed; exit 1 unless it is whole and up to date."""
    settings = _settings(options)
    state = index_state(settings, verification="full")
    _say(_json(described.state(settings, state)) if options.json else described.state_text(settings, state))
    return DONE if state.fresh else FOUND


def index_diff(options: Options) -> int:
    """`index diff`: what a build would change; exit 1 where a rule or topic loses its words or a verdict turns."""
    questions = () if options.no_answers else changes.read_asked(options.questions, options.record)
    with StagedBar() as progress:
        diff = diff_index(_settings(options), questions, keep_going=options.keep_going, progress=progress)
    if options.html:
        _write(options.html, changes.to_html(diff, options.language))
    _say(_json(asdict(diff)) if options.json else changes.to_text(diff, width=_width()))
    return FOUND if diff.is_finding else DONE


def index_watch(options: Options) -> int:
    """`index watch`: a build each time the corpus changed and holds still, until it is stopped."""
    settings = _settings(options)
    _tell(f"watching {settings.corpus}; Ctrl+C ends")
    with suppress(KeyboardInterrupt):
        watch(
            lambda: _tell(changes.build_text(_build(settings))), settings, settle=options.settle, tell=_tell
        )
    return DONE


# -- rules --------------------------------------------------------------------------------


def rules_list(options: Options) -> int:
    """`rules list`: one rule a line."""
    book = rules.load_rules()
    if options.json:
        _say(_json([described.rule(rule) for rule in book.rules]))
    else:
        width = max(len(rule.id) for rule in book.rules)
        _say("\n".join(f"{rule.id:{width}}  {rule.verdict:14}  {rule.title['fr']}" for rule in book.rules))
    return DONE


def rules_show(options: Options) -> int:
    """`rules show ID`: the rule with its condition and its quotes."""
    rule = next((rule for rule in rules.load_rules().rules if rule.id == options.rule), None)
    if rule is None:
        raise InputError(f"there is no rule {options.rule!r}", next_step="see: hds-bot rules list")
    _say(_json(described.rule(rule)) if options.json else described.rule_text(rule))
    return DONE


def rules_check(options: Options) -> int:
    """`rules check`: quotes and anchors that the corpus lost, with the nearest passage; exit 1 where one is."""
    lost = check_rules(_settings(options))
    if options.json:
        _say(_json([asdict(one) for one in lost]))
    else:
        _say(
            "\n".join(map(described.lost_text, lost))
            or "every quote and every topic's anchor is in the corpus"
        )
    return FOUND if lost else DONE


# -- page ---------------------------------------------------------------------------------


def open_page(options: Options) -> int:
    """No command: bring the index up to date, then open the chat page until it is stopped."""
    settings = _settings(options)
    if find_spec("streamlit") is None:
        raise InputError("the chat page needs Streamlit", next_step="pip install 'hds-bot[page]'")
    _build(settings)
    # A command that is told to end takes its server with it.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return subprocess.run(_streamlit(), env=_environment(settings, options), check=False).returncode  # noqa: S603
    finally:
        signal.signal(signal.SIGTERM, before)


def _streamlit() -> list[str]:
    # Address, statistics and colours are set in `.streamlit/config.toml` beside the script.
    script = Path(__file__).parent / "page" / "app.py"
    return [sys.executable, "-m", "streamlit", "run", str(script)]


def _environment(settings: Settings, options: Options) -> dict[str, str]:
    given = {"HDS_BOT_CORPUS": settings.corpus.resolve(), "HDS_BOT_INDEX": settings.index.resolve()}
    named = {"HDS_BOT_ENCODER": options.encoder, "HDS_BOT_STORE": options.store}
    return {**os.environ, **{name: str(value) for name, value in (given | named).items() if value}}


# -- what they share ----------------------------------------------------------------------


def _settings(options: Options) -> Settings:
    return Settings.resolve(
        corpus=options.corpus, index=options.index, encoder=options.encoder, store=options.store
    )


def _bot(options: Options) -> HdsBot:
    return HdsBot(_settings(options))


def _build(settings: Settings, *, force: bool = False, keep_going: bool = False) -> BuildReport | None:
    with StagedBar() as progress:
        return build_index(settings, force=force, keep_going=keep_going, progress=progress)


def _piped_question() -> str:
    if sys.stdin.isatty():
        raise InputError("there is no question", next_step='hds-bot ask "…", or pipe the question in')
    return sys.stdin.buffer.read(_MOST_PIPED).decode("utf-8", "replace")


def _questions(options: Options) -> Iterable[Question | Refused]:
    """Those that are left to answer, followed by a bar."""
    left = islice(read_questions(options.questions), options.skip, None)
    return bar(left, "Answering", total=_count(options.questions, options.skip))


def _count(path: Path, skipped: int) -> int | None:
    """How many questions there are, where a bar will show it."""
    if str(path) == "-" or not sys.stderr.isatty():
        return None
    return max(0, sum(1 for _ in read_questions(path)) - skipped)


def _interruption(options: Options, done: int, kept: Path | None) -> str:
    where = f", kept in {kept}" if kept else ""
    return (
        f"interrupted: {done - options.skip} written{where}\n"
        f"  → for the others: hds-bot batch {options.questions} --skip {done}, with another file for -o"
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"can't be written ({error.strerror})",
            where=str(path),
            next_step="check the folder and its free space",
        ) from error


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)


def _say(text: str) -> None:
    """Write data to standard output."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def _tell(text: str) -> None:
    """Write words to standard error."""
    sys.stderr.write(text + "\n")


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 100)


def _color() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
