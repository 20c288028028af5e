"""Which encoder answers: the light compiled form kept beside the index, else sentence-transformers."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from hds_bot import encoder as encoders
from hds_bot.bot.settings import Settings
from hds_bot.errors import EncoderError
from hds_bot.index import Verification
from hds_bot.types import Encoder


def open_encoder(settings: Settings) -> Encoder:
    """Open the encoder to serve with. Raises EncoderError where it is missing or damaged."""
    if not isinstance(settings.encoder, str):
        return settings.encoder
    folder = serving_folder(settings)
    if encoders.serving_available(folder):
        return encoders.open_serving(folder)
    return encoders.reference_encoder(settings.encoder)


def open_for_build(settings: Settings) -> Encoder:
    """Open the encoder to build with; a damaged compiled form is thrown away, to be made anew."""
    try:
        return open_encoder(settings)
    except EncoderError:
        shutil.rmtree(serving_folder(settings), ignore_errors=True)
        return open_encoder(settings)


def lacks_light_form(settings: Settings, verification: Verification) -> bool:
    """Tell whether the encoder has a light form that is not beside the index, or not whole.

    quick: by the sizes of its files; full: by their hashes.
    """
    if settings.encoder != encoders.DEFAULT:
        return False
    if verification == "full":
        return open_light_form(settings) is None
    return not encoders.serving_available(serving_folder(settings))


def open_light_form(settings: Settings) -> Encoder | None:
    """Open the light form, every hash checked; None where the encoder has none, or it is not whole."""
    if settings.encoder != encoders.DEFAULT:
        return None
    try:
        return encoders.open_serving(serving_folder(settings))
    except EncoderError:
        return None


def compile_if_absent(settings: Settings) -> None:
    """Write the light form beside the index, where the encoder has one and it is not there yet.

    To be called by one build at a time: it also removes what a dead one left.
    """
    if not lacks_light_form(settings, "full"):
        return
    folder = serving_folder(settings)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(draft := folder.parent / ".building", ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        encoders.compile_serving(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove_unused_light_forms(settings: Settings) -> None:
    """Remove the light forms of other encoders than the one of the index that was just built.

    To be called by one build at a time. A folder shared through a link is left alone.
    """
    used = serving_folder(settings)
    if used.parent.is_dir() and not used.parent.is_symlink():
        for folder in used.parent.iterdir():
            if folder != used and folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def serving_folder(settings: Settings) -> Path:
    """Where the compiled form of this encoder lies, named by what it holds and shared by generations."""
    name = hashlib.sha256(settings.encoder_identity.encode()).hexdigest()[:16]
    return settings.index / "encoder" / name
