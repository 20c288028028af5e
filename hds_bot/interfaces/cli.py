"""`hds-bot` on the command line: parses, calls a command, maps errors to words and exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import hds_bot
from hds_bot.errors import HdsBotError

_EPILOG = """\
environment: HDS_BOT_CORPUS, HDS_BOT_INDEX, HDS_BOT_ENCODER, HDS_BOT_STORE, where the options are not given
exit status: 0 done, 1 a finding or a refused input, 2 wrong usage"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; data goes to standard output, words to standard error. Gives the exit status."""
    _speak_utf8()
    options = _parser().parse_args(arguments)
    try:
        status = _command(options.command)(options)
        sys.stdout.flush()
        return status
    except HdsBotError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        _discard_output()
        return 0 if isinstance(error, BrokenPipeError) else _fail(f"{error}\n  → see to that, then try again")
    except Exception as error:
        if "HDS_BOT_DEBUG" in os.environ:
            raise
        return _fail(
            f"unexpected {type(error).__name__}: {error}\n  → run it again with HDS_BOT_DEBUG=1 and report it"
        )


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    # Imported once the words are parsed: help and mistakes answer at once.
    from hds_bot.interfaces import commands, servers

    home = servers if name in ("serve", "serve_mcp") else commands
    command: Callable[[argparse.Namespace], int] = getattr(home, name)
    return command


def _fail(message: str) -> int:
    sys.stderr.write(f"hds-bot: {message}\n")
    return 1


def _discard_output() -> None:
    # What is still held back would fail again, with a traceback, at the interpreter's exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _speak_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(encoding="utf-8", errors="backslashreplace")


# -- what can be said ---------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hds-bot",
        description="Does this need HDS hosting? A cited yes or no over the French guidance."
        " Without a command: open the chat page, the index being built first where it is missing or stale.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="folder of the documents")
    parser.add_argument("--index", type=Path, metavar="DIR", help="folder of the index")
    parser.add_argument("--encoder", metavar="NAME", help="a sentence-transformers model: hub name or folder")
    parser.add_argument(
        "--store",
        metavar="URL",
        help="postgresql://… that holds the index (default: the folder of the index)",
    )
    parser.add_argument("--version", action="version", version=f"hds-bot {hds_bot.__version__}")
    parser.set_defaults(command="open_page")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for add in (
        _add_ask,
        _add_search,
        _add_batch,
        _add_eval,
        _add_index,
        _add_rules,
        _add_replay,
        _add_servers,
    ):
        add(commands)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_ask(commands: _Commands) -> None:
    ask = _add(
        commands, "ask", "ask", "answer a question; several arguments are the turns of one conversation"
    )
    ask.add_argument("turns", nargs="*", metavar="TURN", help="left out: read from standard input")
    ask.add_argument(
        "--record", type=Path, metavar="FILE", help="also write the answer as a record to replay"
    )
    _add_language(ask)
    _add_json(ask)


def _add_search(commands: _Commands) -> None:
    search = _add(commands, "search", "search", "find passages, without a verdict")
    search.add_argument("query")
    search.add_argument("-k", type=int, default=5, metavar="N", help="how many (default: 5)")
    search.add_argument(
        "--document", action="append", metavar="ID", help="only in this document; may be repeated"
    )
    search.add_argument(
        "--tag", action="append", metavar="TAG", help="only in documents with this tag; may be repeated"
    )
    _add_json(search)


def _add_batch(commands: _Commands) -> None:
    batch = _add(
        commands, "batch", "batch_answers", "answer many questions, one answer a line, in the same order"
    )
    batch.add_argument(
        "questions",
        type=Path,
        metavar="IN",
        help=".jsonl, .csv or .xlsx with id and turns or question; - reads JSONL",
    )
    batch.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help=".jsonl, .csv or .xlsx (default: standard output)"
    )
    batch.add_argument(
        "--skip", type=_count, default=0, metavar="N", help="leave out the first N, answered already"
    )
    _add_language(batch)


def _add_eval(commands: _Commands) -> None:
    evaluation = _add(
        commands, "eval", "evaluate", "measure verdicts, citations and search on labelled questions"
    )
    evaluation.add_argument("questions", type=Path, metavar="FILE.jsonl")
    _add_json(evaluation)


def _add_index(commands: _Commands) -> None:
    index = commands.add_parser("index", help="build the index, or look at it", allow_abbrev=False)
    actions = index.add_subparsers(metavar="ACTION", required=True)
    build = _add(actions, "build", "index_build", "bring the index up to date; only what is new is encoded")
    build.add_argument("--force", action="store_true", help="build even where nothing changed")
    build.add_argument(
        "--keep-going", action="store_true", help="leave bad documents out instead of stopping"
    )
    status = _add(
        actions,
        "status",
        "index_status",
        "say what the index holds and whether it is up to date; exit 1 where none can be used",
    )
    check = _add(actions, "check", "index_check", "verify every file; exit 1 where corpus and index differ")
    watch = _add(actions, "watch", "index_watch", "build each time the corpus changed and holds still")
    watch.add_argument(
        "--settle", type=float, default=2.0, metavar="S", help="seconds without a change (default: 2)"
    )
    for action in (build, status, check, _add_diff(actions)):
        _add_json(action)


def _add_diff(actions: _Commands) -> argparse.ArgumentParser:
    diff = _add(
        actions,
        "diff",
        "index_diff",
        "show what the corpus would change; exit 1 where a rule loses its quote or a verdict turns",
    )
    diff.add_argument(
        "--corpus", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="compare with this folder"
    )
    diff.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="ask these, .jsonl or .csv, instead of those that come with the package",
    )
    diff.add_argument(
        "--record",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="also ask a saved record's turns",
    )
    diff.add_argument("--no-answers", action="store_true", help="leave answers out: quicker")
    diff.add_argument("--html", type=Path, metavar="FILE", help="also write a page for a meeting")
    diff.add_argument("--language", choices=("fr", "en"), default="fr", help="of that page (default: fr)")
    diff.add_argument("--keep-going", action="store_true", help="leave bad documents out instead of stopping")
    return diff


def _add_rules(commands: _Commands) -> None:
    rules = commands.add_parser(
        "rules", help="list the rules, show one, or check their quotes", allow_abbrev=False
    )
    actions = rules.add_subparsers(metavar="ACTION", required=True)
    every = _add(actions, "list", "rules_list", "one rule a line: id, verdict, title")
    check = _add(
        actions,
        "check",
        "rules_check",
        "find each rule's quote and each topic's anchor in the corpus; exit 1 where one is lost",
    )
    show = _add(actions, "show", "rules_show", "show one rule")
    show.add_argument("rule", metavar="ID")
    for action in (every, check, show):
        _add_json(action)


def _add_replay(commands: _Commands) -> None:
    replay = _add(
        commands, "replay", "replay_records", "derive recorded answers again; exit 1 where a verdict turned"
    )
    replay.add_argument("records", nargs="+", type=Path, metavar="RECORD")
    _add_json(replay)


def _add_servers(commands: _Commands) -> None:
    serve = _add(
        commands, "serve", "serve", "answer over HTTP; HDS_BOT_API_KEY holds the keys, separated by commas"
    )
    serve.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    mcp = _add(commands, "mcp", "serve_mcp", "serve other assistants over MCP, on standard input and output")
    mcp.add_argument("--http", action="store_true", help="over streamable HTTP at /mcp instead")
    for server in (serve, mcp):
        server.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="(default: 127.0.0.1)")
        server.add_argument("--port", type=int, default=8000, metavar="N", help="(default: 8000)")
        server.add_argument(
            "--allow-host",
            action="append",
            default=[],
            metavar="NAME",
            help="a name clients use; may be repeated",
        )
        server.add_argument(
            "--rate", type=int, default=6000, metavar="N", help="requests a minute and client (default: 6000)"
        )


def _add(commands: _Commands, name: str, command: str, words: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words, allow_abbrev=False)
    parser.set_defaults(command=command)
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--language", choices=("fr", "en"), help="to answer in (default: that of each question)"
    )


def _count(given: str) -> int:
    if not given.isdecimal():
        raise argparse.ArgumentTypeError(f"{given!r} is no count")
    return int(given)
