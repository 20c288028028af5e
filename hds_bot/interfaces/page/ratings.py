"""Ratings of answers, kept in a file of this machine from when the user asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import platformdirs
import streamlit as st

from hds_bot.interfaces.page import state
from hds_bot.interfaces.page.markup import tag
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import to_record
from hds_bot.types import Answer


def file() -> Path:
    """Where ratings are kept."""
    return platformdirs.user_data_path("hds-bot") / "ratings.jsonl"


def show(answer: Callable[[], Answer], say: Words) -> None:
    """Offer to keep ratings; once that is wanted, the two buttons."""
    wanted = st.checkbox(
        say("rating.wanted"), state.rates(), key="rates", on_change=state.rate_from, args=("rates",)
    )
    if not wanted:
        return
    st.html(tag("p", say("rating.where"), " ", tag("code", str(file())), class_="hds-hint"))
    with st.container(horizontal=True, gap="small"):
        for rating in ("useful", "useless"):
            if st.button(say(f"rating.{rating}"), key=f"rate-{rating}"):
                _keep(rating, answer(), say)


def _keep(rating: str, answer: Answer, say: Words) -> None:
    row = {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "rating": rating,
        "record": to_record(answer),
    }
    try:
        file().parent.mkdir(parents=True, exist_ok=True)
        with file().open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as error:
        st.html(tag("p", say("rating.failed"), " ", error.strerror or "", role="alert", class_="hds-refused"))
    else:
        st.html(tag("p", say("rating.kept"), role="status", class_="hds-hint"))
