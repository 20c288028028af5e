"""Somebody who asks `hds-bot serve` one question after another, for locust; http_load.py runs it."""

from __future__ import annotations

from itertools import cycle

from locust import HttpUser, task

QUESTIONS = cycle(
    (
        "Une clinique doit-elle prendre un hébergeur HDS ?",
        "Je suis infirmier libéral, me faut-il un hébergeur HDS ?",
        "Do we need HDS hosting for a proof of concept with real patient data?",
    )
)


class Asking(HttpUser):
    """No pause between an answer and the next question."""

    @task
    def ask(self) -> None:
        self.client.post("/v1/ask", json={"turns": [next(QUESTIONS)]})
