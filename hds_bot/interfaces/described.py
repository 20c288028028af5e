"""Index, builds and rules, as JSON values and as lines for a terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hds_bot.bot import BuildReport, IndexState, LostAnchor, LostQuote, Settings, last_diff
from hds_bot.index import Entry, Manifest
from hds_bot.rules import Rule
from hds_bot.types import Document, FactValue

_WRITTEN: dict[FactValue, str] = {True: "yes", False: "no", None: "unknown"}


def build(report: BuildReport | None) -> dict[str, Any]:
    """Describe what a build did; None is a build that had nothing to do."""
    if report is None:
        return {"built": False}
    return {
        "built": True,
        "documents": report.manifest.documents,
        "passages": report.manifest.passages,
        "encoded": report.encoded,
        "lost": [asdict(lost) for lost in report.lost],
        "left_out": [{"path": path, "reason": reason} for path, reason in report.left_out],
    }


def build_text(report: BuildReport | None) -> str:
    """Tell what a build did, which files it left out, which quotes are lost."""
    if report is None:
        return "the index is up to date"
    manifest = report.manifest
    lines = [
        f"index built: {manifest.documents} documents, {manifest.passages} passages,"
        f" {report.encoded} of them newly encoded",
        *(f"left out: {path}: {reason}" for path, reason in report.left_out),
        *map(lost_text, report.lost),
    ]
    return "\n".join(lines)


def lost_text(lost: LostQuote | LostAnchor) -> str:
    """Tell which rule or topic lost which words, and what comes nearest to them."""
    nearest = f"nearest: « {lost.nearest.text} »" if lost.nearest else "no document of that name is in force"
    if isinstance(lost, LostAnchor):
        who = f"topic {lost.topic} (facts/topics.toml): its anchor"
    else:
        who = f"rule {lost.rule}: its quote"
    return f"{who} is lost in {lost.document}: « {lost.quote} »\n  {nearest}"


def state(settings: Settings, found: IndexState) -> dict[str, Any]:
    """Describe an index as it stands."""
    manifest = found.manifest
    return {
        "condition": found.condition,
        "changed": list(found.changed),
        "left_out": _left_out(settings, manifest),
        "fault": found.fault or None,
        "index": settings.open_store().place,
        "corpus": str(settings.corpus),
        "encoder": manifest.encoder if manifest else None,
        "documents": manifest.documents if manifest else 0,
        "passages": manifest.passages if manifest else 0,
        "created": manifest.created if manifest else None,
    }


def state_text(settings: Settings, found: IndexState) -> str:
    """Tell how an index stands, one property a line."""
    shown = {name: value for name, value in state(settings, found).items() if value not in (None, [], 0)}
    if "left_out" in shown:
        shown["left_out"] = [f"{one['path']}: {one['reason']}" for one in shown["left_out"]]
    return "\n".join(
        f"{name + ':':11} {', '.join(v) if isinstance(v, list) else v}" for name, v in shown.items()
    )


def _left_out(settings: Settings, manifest: Manifest | None) -> list[dict[str, str]] | None:
    """Files that the index leaves out; None where no diff of this corpus was kept to tell."""
    kept = last_diff(settings) if manifest else None
    if manifest is None or kept is None or kept["corpus"] != manifest.corpus_sha256:
        return None
    return [{"path": path, "reason": reason} for path, reason in kept.get("left_out", ())]


def rule(found: Rule) -> dict[str, Any]:
    """Describe a rule; `when` holds any of these lists, each of them all of its conditions."""
    return {
        "id": found.id,
        "group": found.group,
        "verdict": found.verdict.value,
        "title": dict(found.title),
        "when": [[_atom(atom.fact, atom.accepted) for atom in clause] for clause in found.when.clauses],
        "overrides": sorted(found.overrides),
        "document": found.document,
        "quote": found.quote,
        "also": list(found.also),
        "summary": dict(found.summary),
        "asks": list(found.asks),
    }


def rule_text(found: Rule) -> str:
    """Tell a rule, one property a line."""
    told = rule(found) | {
        "title": found.title["fr"],
        "summary": found.summary["fr"],
        "when": " / ".join(" + ".join(clause) for clause in rule(found)["when"]),
    }
    return "\n".join(
        f"{name + ':':10} {', '.join(v) if isinstance(v, list) else v}" for name, v in told.items() if v
    )


def entry(found: Entry) -> dict[str, Any]:
    """Describe a document without its text."""
    return {
        "id": found.id,
        "authority": found.authority,
        "status": found.status,
        "tags": list(found.tags),
        "passages": found.after - found.first,
    }


def document(found: Document) -> dict[str, Any]:
    """Describe a document with its text; sections and pages are what passages name."""
    names = (
        "id",
        "title",
        "text",
        "language",
        "source",
        "date",
        "publisher",
        "licence",
        "authority",
        "status",
    )
    described = {name: getattr(found, name) for name in names}
    return {**described, "tags": list(found.tags), "sha256": found.sha256}


def _atom(fact: str, accepted: frozenset[FactValue]) -> str:
    return f"{fact} is {' or '.join(sorted(_WRITTEN.get(value, str(value)) for value in accepted))}"
