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
    folder = serving_folder(settings)
    return not (_opens(folder) if verification == "full" else encoders.serving_available(folder))


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


def serving_folder(settings: Settings) -> Path:
    """Where the compiled form of this encoder lies, named by what it holds and shared by generations."""
    name = hashlib.sha256(settings.encoder_identity.encode()).hexdigest()[:16]
    return settings.index / "encoder" / name


def _opens(folder: Path) -> bool:
    try:
        encoders.open_serving(folder)
    except EncoderError:
        return False
    return True
