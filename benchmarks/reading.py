"""Time the reading of questions by words alone: the lexicon's loading, the reader's, and `facts.extract`.

    uv run python benchmarks/reading.py [FILE.jsonl …]

Prints milliseconds of processor time; the files hold labelled questions.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from hds_bot import facts
from hds_bot.facts import lexicon, semantic, table_cache

ROUNDS = 50
SIXTY_WORDS = """Bonjour, nous sommes un petit cabinet de kinésithérapie à Lyon et nous utilisons un \
logiciel en ligne pour prendre les rendez-vous, mais aucun dossier patient n'est enregistré chez notre \
hébergeur actuel, sauf les coordonnées et parfois une ordonnance scannée ; faut-il vraiment passer à un \
hébergement certifié HDS, ou peut-on rester chez notre prestataire ?"""
TEN_LINES = """Bonjour,
Je dirige une start-up de douze personnes qui édite une application mobile de suivi du sommeil.
Les utilisateurs portent un bracelet connecté qui mesure la fréquence cardiaque et la SpO2.
Avant, nous gardions tout en clair ; maintenant les données sont chiffrées et pseudonymisées.
Nos serveurs de test contiennent une copie de production, masquée en partie.
Notre sous-traitant pour les sauvegardes n'a pas accès aux données, d'après lui.
On m'a dit que le chiffrement suffisait et que nous étions trop petits.
Nous ne traitons ni arrêts maladie, ni certificats médicaux, hormis ceux de nos propres salariés.
L'an prochain, nous ouvrirons un portail pour les médecins et une téléconsultation.
Faut-il un hébergement HDS pour tout cela, ou seulement pour une partie ? Merci d'avance."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report("lexicon, compiled", load(Path(folder)))
        report("lexicon, kept", *(load(Path(folder)) for _ in range(5)))
    report("reader", spent(semantic.load_reader))
    lexicon.load_lexicon()
    gc.collect()
    for name, turns in {"sixty words": [SIXTY_WORDS], "ten lines": [TEN_LINES]}.items():
        report(f"{name}, first", spent(partial(facts.extract, turns)))
        report(f"{name}, again", *(spent(partial(facts.extract, turns)) for _ in range(ROUNDS)))
    for file in sys.argv[1:]:
        rows = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
        report(f"{file}, first", *(spent(partial(facts.extract, row["turns"])) for row in rows))
        report(f"{file}, again", *(spent(partial(facts.extract, row["turns"])) for row in rows))


def load(folder: Path) -> float:
    return spent(lambda: lexicon.Lexicon(table_cache.load_tables(folder)))


def spent(task) -> float:
    """Milliseconds of processor time: what others do on the machine doesn't count."""
    start = time.process_time()
    task()
    return (time.process_time() - start) * 1000


def report(name: str, *times: float) -> None:
    late = sorted(times)[int(len(times) * 0.95)]
    print(f"{name:40} median {statistics.median(times):8.2f}   95 % {late:8.2f}   n {len(times)}")


if __name__ == "__main__":
    main()
