"""Which mentions speak of people's health data."""

from __future__ import annotations

from collections.abc import Sequence

from hds_bot.facts.context import Scene, Seen
from hds_bot.facts.text import word_set

SPECIFIC_FIRST = (
    "sick_leave", "work_accident", "certificate", "signal", "ai_analysis", "biometric", "imaging",
    "laboratory", "prescription", "report", "records", "care_admin", "diagnosis", "follow_up", "app_data",
    "physiological", "treatment", "condition",
)  # fmt: skip
PRODUCT_KIND = {
    "wearable": "physiological",
    "medical_device_connected": "physiological",
    "image_sharing": "imaging",
    "patient_records_software": "records",
}
DATA_NOUNS = word_set(
    "donnee donnees base bases fiche fiches fichier fichiers nom noms identite dossier dossiers liste "
    "photos photo image images infos info informations information coordonnees numero data database "
    "databases record records name names file files list details detail photos picture pictures notes note "
    "account accounts cas case cases table tables jeu profil profils profile profiles message messages "
    "enregistrements screen ecran"
)
TOPICS = frozenset(
    {"condition", "treatment", "diagnosis", "wearable", "medical_device_connected", "follow_up"}
)
"""Health as a subject; data only where something is noted of somebody."""
NEAR = 6


def health_mentions(scenes: Sequence[Scene]) -> list[Seen]:
    """Mentions of health data in order, whatever is said of them."""
    return [s for scene in scenes for s in scene.seen if is_health(scene, s)]


def is_health(scene: Scene, seen: Seen) -> bool:
    """Health data by name, a worn sensor, or a patient beside a word for data."""
    if seen.family == "health_data":
        return seen.kind != "person" or beside_data(scene, seen)
    if seen.family == "health_products":
        return seen.kind in {"wearable", "medical_device_connected"} or (
            seen.exceptional and seen.kind in PRODUCT_KIND
        )
    return (seen.family, seen.kind) == ("marks", "health_generic")


def beside_data(scene: Scene, seen: Seen) -> bool:
    """Tell whether a word for data stands near, in the same sentence."""
    near = range(max(0, seen.mention.first - NEAR), min(len(scene.tokens), seen.mention.last + NEAR + 1))
    return any(scene.tokens[i].fold in DATA_NOUNS and scene.tokens[i].sentence == seen.sentence for i in near)


def standing(scenes: Sequence[Scene]) -> list[Seen]:
    """Those that hold: not withdrawn by a later turn, not a mere topic where all health data is denied."""
    mentions = health_mentions(scenes)
    held = [s for s in mentions if s.holds and not _withdrawn(s, mentions)]
    held = [s for s in held if not s.future] or held
    if denial(scenes):
        return [s for s in held if s.exceptional or _is_document(scenes, s)]
    return held


def denial(scenes: Sequence[Scene]) -> Seen | None:
    """Find the last words by which all health data, all patients, or any access to them is denied."""
    found = [
        s
        for scene in scenes
        for s in scene.seen
        if s.denied and not s.past and (s.kind in {"health_generic", "person"} or s.concept == "access_word")
    ]
    return found[-1] if found else None


def _is_document(scenes: Sequence[Scene], seen: Seen) -> bool:
    """Tell a kind of record or measurement, or a condition noted beside a word for data."""
    if seen.kind in TOPICS:
        scene = next(s for s in scenes if s.turn == seen.turn)
        return beside_data(scene, seen) and not seen.asked
    return seen.kind != "health_generic" or not seen.asked


def _withdrawn(seen: Seen, mentions: Sequence[Seen]) -> bool:
    return any(
        later.turn > seen.turn
        and later.denied
        and (later.kind == seen.kind or later.kind == "health_generic")
        for later in mentions
    )


def health_kind(seen: Seen) -> str | None:
    """Name the kind of data in the rules' vocabulary; None where only « health data » is said."""
    if seen.family == "health_data":
        return "records" if seen.kind == "person" else seen.kind
    return PRODUCT_KIND.get(seen.kind)


def specificity(seen: Seen) -> int:
    """Lower for kinds that the guidance names more precisely."""
    kind = health_kind(seen)
    return SPECIFIC_FIRST.index(kind) if kind in SPECIFIC_FIRST else len(SPECIFIC_FIRST)
