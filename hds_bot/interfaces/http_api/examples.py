"""Requests shown in the OpenAPI document, and tried by its tests."""

from __future__ import annotations

from fastapi.openapi.models import Example

_CLINIC = "Une clinique doit-elle prendre un hébergeur HDS ?"
_NURSE = "Je suis infirmier libéral, me faut-il un hébergeur HDS ?"
_TRIAL = "Do we need HDS hosting for a proof of concept with real patient data?"

ASK: dict[str, Example] = {
    "a question": {"value": {"turns": [_CLINIC]}},
    "a conversation": {"value": {"turns": [_NURSE, "Je fais de la téléconsultation."]}},
    "a fact set by hand": {"value": {"turns": [_NURSE], "known_facts": {"teleconsults": True}}},
}
SEARCH: dict[str, Example] = {"three passages": {"value": {"query": "anonymisation", "k": 3}}}
BATCH: dict[str, Example] = {
    "two questions": {"value": {"questions": [{"id": "a", "turns": [_CLINIC]}, {"id": 2, "turns": [_TRIAL]}]}}
}
