"""The bot: questions in, answers with their proof out; builds that keep what is known."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CORPUS, GUIDANCE, FakeEncoder

from hds_bot import HdsBot, Verdict
from hds_bot.bot import MAX_CHARACTERS, Settings, build_index, index_state
from hds_bot.bot.answering import search
from hds_bot.corpus import read_corpus
from hds_bot.errors import CorpusError, EncoderError, IndexDamaged, IndexMismatch, IndexMissing, InputError
from hds_bot.facts import Reading, anchor
from hds_bot.render import to_json
from hds_bot.types import Fact

PRACTICE = (
    "Cabinet de kiné, on garde les dossiers patients dans un logiciel en ligne : faut-il un hébergeur HDS ?"
)
ANONYMISED = "We only process fully anonymised statistics. Do we need HDS?"
DEFINITION = "C'est quoi une donnée de santé ?"


def write_document(folder: Path, name: str, body: str, **keys: str) -> None:
    front = "".join(f"{key}: {value}\n" for key, value in {"title": name, **keys}.items())
    (folder / f"{name}.md").write_text(f"---\n{front}---\n\n{body}\n", encoding="utf-8")


# -- answers ------------------------------------------------------------------------------


def test_a_practice_with_records_is_told_yes_with_the_sentence_on_practices_first(bot: HdsBot) -> None:
    answer = bot.ask(PRACTICE)
    assert (answer.verdict, answer.language) == (Verdict.OUI, "fr")
    first = answer.passages[0]
    assert first.cited_by == "rule"
    assert "Même un petit cabinet est soumis à l’obligation si" in first.passage.text
    assert first.quote in first.passage.text
    assert answer.rule is not None
    assert answer.rule.section == first.passage.section


def test_anonymised_statistics_are_told_no_in_english_with_the_exclusion_cited(bot: HdsBot) -> None:
    answer = bot.ask(ANONYMISED)
    assert (answer.verdict, answer.language) == (Verdict.NON, "en")
    assert answer.summary.startswith("No")
    assert "Données complètement anonymisées" in answer.passages[0].passage.text


def test_information_is_cited_from_retrieval_alone(bot: HdsBot) -> None:
    answer = bot.ask(DEFINITION)
    assert (answer.verdict, answer.rule) == (Verdict.SANS_VERDICT, None)
    assert len(answer.passages) == 5
    assert {cited.cited_by for cited in answer.passages} == {"retrieval"}


@pytest.mark.parametrize(("request_", "risen"), [("information", True), ("verdict", True), ("other", False)])
def test_parts_of_the_guidance_rise_only_where_it_is_asked_about(
    bot: HdsBot, monkeypatch: pytest.MonkeyPatch, request_: str, risen: bool
) -> None:
    monkeypatch.setattr("hds_bot.retrieval.NEARBY", 2.0)
    reading = Reading("fr", (Fact("request", request_),), (), "hôpital", topics=("providers",))
    place = bot.snapshot.place(*anchor("providers"))
    assert place is not None
    assert (search(bot.snapshot, reading, 1)[0].passage == place.passage) is risen


def test_what_the_guidance_does_not_answer_cites_nothing(bot: HdsBot) -> None:
    answer = bot.ask("Quel temps fera-t-il demain à Lyon ?")
    assert (answer.verdict, answer.passages, answer.rule) == (Verdict.HORS_PERIMETRE, (), None)


def test_a_missing_fact_is_asked_for_with_where_each_answer_leads(bot: HdsBot) -> None:
    answer = bot.ask("Notre startup développe une plateforme. Faut-il un hébergement HDS ?")
    assert answer.verdict == Verdict.A_PRECISER
    verdicts = {option.verdict for option in answer.missing[0].options}
    assert answer.missing[0].question.endswith("?")
    assert {Verdict.OUI, Verdict.NON} <= verdicts


def test_every_cited_passage_is_an_exact_slice_of_its_document(bot: HdsBot) -> None:
    documents = {document.id: document for document in read_corpus(bot.settings.corpus).documents}
    for question in (PRACTICE, ANONYMISED, DEFINITION):
        for cited in bot.ask(question).passages:
            passage = cited.passage
            assert documents[passage.document].text[passage.start : passage.end] == passage.text
            assert len(passage.text) <= 600


def test_passages_are_cited_once_and_ranked_in_order(bot: HdsBot) -> None:
    passages = bot.ask(PRACTICE).passages
    assert [cited.rank for cited in passages] == list(range(1, len(passages) + 1))
    assert len({cited.passage.id for cited in passages}) == len(passages)


def test_the_same_question_gives_the_same_bytes_from_another_bot(bot: HdsBot) -> None:
    other = HdsBot(bot.settings)
    for question in (PRACTICE, ANONYMISED, DEFINITION):
        assert to_json(bot.ask(question)) == to_json(bot.ask(question)) == to_json(other.ask(question))


def test_a_conversation_is_its_turns_replayed(bot: HdsBot) -> None:
    first = "Je suis infirmier libéral, ai-je besoin d'un hébergeur HDS ?"
    assert bot.ask(first).verdict == Verdict.A_PRECISER
    answer = bot.ask([first, "Oui, je fais de la téléconsultation."])
    assert answer.verdict == Verdict.OUI
    assert answer.question == "Oui, je fais de la téléconsultation."


def test_evidence_points_into_the_turns_of_the_answer(bot: HdsBot) -> None:
    answer = bot.ask(
        ["Bonjour\x00, cabinet dentaire.", "Nos dossiers patients sont en ligne : HDS obligatoire ?"]
    )
    shown = [fact.evidence for fact in answer.facts if fact.evidence]
    assert shown
    assert all(answer.turns[proof.turn][proof.start : proof.end] == proof.text for proof in shown)


def test_what_the_user_sets_wins_over_what_was_understood(bot: HdsBot) -> None:
    known = {"stores_records": False, "uses_software": False, "exchanges_data": False, "teleconsults": False}
    answer = bot.ask("Je suis médecin, me faut-il un hébergeur HDS ?", known_facts=known)
    assert answer.verdict == Verdict.NON
    assert {fact.id for fact in answer.facts if fact.method == "user"} == set(known)


def test_a_fact_set_to_unknown_is_unknown(bot: HdsBot) -> None:
    answer = bot.ask(ANONYMISED, known_facts={"anonymised": None, "statistical": None})
    assert answer.verdict != Verdict.NON


# -- what comes in ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ("", "turn 1: is blank"),
        ("  \n\t ", "turn 1: is blank"),
        ("\x00\x07\u202e\u200b", "turn 1: is blank"),
        ("😀🎉", "turn 1: has no words"),
        ("?!… 42", "turn 1: has no words"),
        ([], "there is no question"),
        (["Bonjour", " "], "turn 2: is blank"),
        (["Bonjour", 3], "turn 2: is no text but int"),
        (None, "is no text"),
        (7, "is no text"),
        ("a" * 100_000, f"{MAX_CHARACTERS:,} are read at most"),
        (["a" * 15_000, "b" * 15_000], f"{MAX_CHARACTERS:,} are read at most"),
    ],
)
def test_a_question_that_cant_be_used_is_refused_with_the_reason(
    bot: HdsBot, turns: object, says: str
) -> None:
    with pytest.raises(InputError, match=says) as refused:
        bot.ask(turns)  # type: ignore[arg-type]
    assert refused.value.next_step


@pytest.mark.parametrize(
    "question", ["我们的诊所需要使用 HDS 认证的托管服务吗？", "ﷺ" * 20_000, "Нужен ли нам хостинг?"]
)
def test_another_language_is_out_of_scope_and_told_which_are_understood(bot: HdsBot, question: str) -> None:
    answer = bot.ask(question)
    assert (answer.verdict, answer.passages) == (Verdict.HORS_PERIMETRE, ())
    assert "français" in answer.summary
    assert "English" in answer.summary


def test_control_and_bidirectional_characters_and_lone_surrogates_do_not_reach_the_answer(
    bot: HdsBot,
) -> None:
    answer = bot.ask("Un ca\x00binet\u202e de kiné\ud800 doit-il\r\nêtre HDS ?")
    assert answer.question == "Un cabinet de kiné\ufffd doit-il\nêtre HDS ?"
    assert to_json(answer).encode("utf-8")


def test_twenty_thousand_characters_are_read(bot: HdsBot) -> None:
    assert bot.ask((PRACTICE + " ") * (MAX_CHARACTERS // (len(PRACTICE) + 1))).verdict == Verdict.OUI


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"colour": True}, "no fact “colour”"),
        ({"anonymised": "yes"}, "'yes' is no value of “anonymised”"),
        ({"anonymised": 1}, "1 is no value of “anonymised”"),
        ({"actor": "dentist"}, "'dentist' is no value of “actor”"),
        ({"actor": []}, r"\[\] is no value of “actor”"),
    ],
)
def test_a_fact_that_cant_be_is_refused_by_name(bot: HdsBot, known: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        bot.ask(PRACTICE, known_facts=known)  # type: ignore[arg-type]
    assert refused.value.next_step.startswith("one of: ")


# -- search -------------------------------------------------------------------------------


def test_search_gives_the_nearest_passages_without_a_verdict(bot: HdsBot) -> None:
    hits = bot.search("médecine du travail et arrêts maladie", k=3)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert "arrêts maladie" in hits[0].passage.text


def test_search_can_be_kept_to_a_document_or_a_tag(bot: HdsBot) -> None:
    assert bot.search("anonymisation", documents=[GUIDANCE], tags=["HDS"])
    with pytest.raises(InputError, match="no document 'elsewhere'") as refused:
        bot.search("anonymisation", documents=["elsewhere"])
    assert GUIDANCE in refused.value.next_step
    with pytest.raises(InputError, match="no tag 'nope'") as refused:
        bot.search("anonymisation", tags=["nope"])
    assert "HDS" in refused.value.next_step


@pytest.mark.parametrize("k", ["3", 2.5, None, True, 0, -1])
def test_a_number_of_passages_that_cant_be_is_refused_by_name(bot: HdsBot, k: object) -> None:
    with pytest.raises(InputError, match=r"^k: can't return"):
        bot.search("anonymisation", k)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "^the query: is blank"),
        ("42", "^the query: has no words"),
        ("a" * 30_000, "^the query has 30,000"),
    ],
)
def test_a_query_that_cant_be_used_is_called_a_query(bot: HdsBot, query: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        bot.search(query)
    assert "question" not in str(refused.value)


# -- settings -----------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["999999", "banana", "-3", "0", "2.5", "9" * 5000])
def test_a_number_of_threads_that_cant_be_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("HDS_BOT_THREADS", asked)
    with pytest.raises(InputError, match=r"^HDS_BOT_THREADS: is no number of threads"):
        Settings.resolve()


@pytest.mark.parametrize("asked", ["", "1", "4"])
def test_a_number_of_threads_that_can_be_is_taken(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("HDS_BOT_THREADS", asked)
    assert Settings.resolve().store == ""


def test_a_store_that_is_none_is_refused_under_the_name_it_was_given_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InputError, match=r"^--store: is no postgresql"):
        Settings.resolve(store="foo://x")
    monkeypatch.setenv("HDS_BOT_STORE", "foo://x")
    with pytest.raises(InputError, match=r"^HDS_BOT_STORE: is no postgresql"):
        Settings.resolve().open_store()


# -- builds -------------------------------------------------------------------------------


def test_a_build_with_nothing_new_does_nothing(fake_settings: Settings) -> None:
    assert build_index(fake_settings) is not None
    assert index_state(fake_settings).fresh
    assert build_index(fake_settings) is None


def test_only_new_passages_are_encoded(fake_settings: Settings, fake_encoder: FakeEncoder) -> None:
    first = build_index(fake_settings)
    fake_encoder.passages.clear()
    write_document(fake_settings.corpus, "ajout", "Un paragraphe de plus.")
    second = build_index(fake_settings)
    assert first is not None
    assert second is not None
    assert second.encoded == len(fake_encoder.passages) == 1
    assert second.manifest.passages == first.manifest.passages + 1


def test_progress_tells_each_stage_to_its_end(fake_settings: Settings) -> None:
    told: dict[str, tuple[int, int]] = {}
    build_index(fake_settings, progress=lambda stage, done, total: told.update({stage: (done, total)}))
    assert set(told) == {"read", "encode", "prepare"}
    assert all(done == total for done, total in told.values())


def test_a_running_bot_takes_the_new_index_with_its_next_question(fake_settings: Settings) -> None:
    build_index(fake_settings)
    bot = HdsBot(fake_settings)
    before = bot.ask(DEFINITION).provenance
    write_document(fake_settings.corpus, "ajout", "Une donnée de santé, dans un autre document.")
    build_index(fake_settings)
    after = bot.ask(DEFINITION).provenance
    assert before.index != after.index
    assert before.corpus != after.corpus
    assert before.rules == after.rules


def test_questions_under_way_never_mix_two_indexes(fake_settings: Settings) -> None:
    build_index(fake_settings)
    bot, stop, seen, failures = HdsBot(fake_settings), threading.Event(), set(), []

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                provenance = bot.ask(PRACTICE).provenance
                seen.add((provenance.corpus, provenance.index))
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    built = {(m.corpus_sha256, m.content) for m in [index_state(fake_settings).manifest] if m}
    for number in range(10):
        write_document(fake_settings.corpus, "ajout", f"Version {number}.")
        report = build_index(fake_settings)
        assert report is not None
        built.add((report.manifest.corpus_sha256, report.manifest.content))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen <= built


def test_a_bot_serves_on_when_the_index_folder_goes(fake_settings: Settings) -> None:
    build_index(fake_settings)
    bot = HdsBot(fake_settings)
    (fake_settings.index / "CURRENT").unlink()
    assert bot.ask(PRACTICE).passages


def test_the_state_names_what_changed(fake_settings: Settings) -> None:
    assert index_state(fake_settings).condition == "missing"
    build_index(fake_settings)
    write_document(fake_settings.corpus, "ajout", "Nouveau.")
    state = index_state(fake_settings)
    assert (state.condition, state.changed) == ("stale", ("corpus",))


def test_a_damaged_index_is_refused_and_a_build_mends_it(fake_settings: Settings) -> None:
    build_index(fake_settings)
    vectors = next(fake_settings.index.rglob("vectors.faiss"))
    vectors.write_bytes(vectors.read_bytes()[:-7])
    assert index_state(fake_settings).condition == "damaged"
    with pytest.raises(IndexDamaged, match="hds-bot index build"):
        HdsBot(fake_settings)
    assert build_index(fake_settings) is not None
    assert HdsBot(fake_settings).ask(PRACTICE).passages


def test_a_missing_index_is_told_with_the_command_that_builds_it(fake_settings: Settings) -> None:
    with pytest.raises(IndexMissing, match="hds-bot index build"):
        HdsBot(fake_settings)


def test_another_encoder_is_refused_with_the_command_that_mends_it(fake_settings: Settings) -> None:
    build_index(fake_settings)
    other = FakeEncoder()
    other.identity = "other@2"
    with pytest.raises(IndexMismatch, match=r"fake@1.*other@2[\s\S]*hds-bot index build"):
        HdsBot(replace(fake_settings, encoder=other))
    assert index_state(replace(fake_settings, encoder=other)).changed == ("encoder",)


def test_an_encoder_that_does_not_exist_is_told_before_anything_is_built(fake_settings: Settings) -> None:
    with pytest.raises(EncoderError, match="no such model"):
        build_index(replace(fake_settings, encoder="./nowhere/at-all"))
    assert index_state(fake_settings).condition == "missing"


def test_a_bad_document_stops_the_build_unless_it_is_left_out(fake_settings: Settings) -> None:
    build_index(fake_settings)
    (fake_settings.corpus / "bad.md").write_bytes(b"\xff\xfe\x00binary\x00\x01")
    with pytest.raises(CorpusError, match=r"bad\.md"):
        build_index(fake_settings)
    assert HdsBot(fake_settings).ask(PRACTICE).passages
    report = build_index(fake_settings, keep_going=True)
    assert report is not None
    assert [path for path, _ in report.left_out] == ["bad.md"]


# -- rules whose words are gone -----------------------------------------------------------


@pytest.fixture
def reworded(fake_settings: Settings) -> Settings:
    """The corpus with the sentence on anonymised data changed."""
    path = fake_settings.corpus / f"{GUIDANCE}.md"
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("Données complètement anonymisées", "Données parfaitement anonymes"), "utf-8"
    )
    return fake_settings


def test_a_build_names_lost_quotes_with_the_nearest_passage_and_goes_on(reworded: Settings) -> None:
    report = build_index(reworded)
    assert report is not None
    lost = next(lost for lost in report.lost if lost.rule == "anonymised")
    assert lost.document == GUIDANCE
    assert lost.quote == "Données complètement anonymisées"
    assert lost.nearest is not None
    assert "Données parfaitement anonymes" in lost.nearest.text


def test_an_answer_that_rests_on_a_lost_quote_is_to_be_reviewed(reworded: Settings) -> None:
    build_index(reworded)
    bot = HdsBot(reworded)
    answer = bot.ask("Toutes nos données sont complètement anonymisées. L'HDS est-il obligatoire ?")
    assert answer.to_review
    assert answer.summary.startswith("À revoir")
    assert answer.verdict == Verdict.NON
    assert not bot.ask(PRACTICE).to_review


def test_a_rule_is_lost_with_its_document(fake_settings: Settings) -> None:
    (fake_settings.corpus / f"{GUIDANCE}.md").unlink()
    write_document(fake_settings.corpus, "autre", "Un tout autre texte.")
    report = build_index(fake_settings)
    assert report is not None
    assert report.lost
    assert all(lost.nearest is None for lost in report.lost)


# -- the light encoder beside the index ---------------------------------------------------


@pytest.fixture
def real_settings(index_folder: Path, tmp_path: Path) -> Settings:
    """A real index that may be spoilt."""
    return Settings.resolve(corpus=CORPUS, index=shutil.copytree(index_folder, tmp_path / "index"))


def test_a_damaged_light_encoder_is_made_anew_by_a_build(real_settings: Settings) -> None:
    graph = next(real_settings.index.glob("encoder/*/encoder.onnx"))
    graph.write_bytes(graph.read_bytes()[:1000])
    assert index_state(real_settings).changed == ("encoder",)
    report = build_index(real_settings)
    assert report is not None
    assert report.encoded == 0
    assert HdsBot(real_settings).ask(PRACTICE).verdict == Verdict.OUI
    assert [folder.name for folder in (real_settings.index / "encoder").iterdir()] == [graph.parent.name]


def test_an_altered_light_encoder_is_refused_and_mended_by_the_command_that_is_named(
    real_settings: Settings,
) -> None:
    graph = next(real_settings.index.glob("encoder/*/encoder.onnx"))
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(EncoderError, match="hds-bot index build"):
        HdsBot(real_settings)
    assert index_state(real_settings, verification="full").changed == ("encoder",)
    assert build_index(real_settings) is not None
    assert HdsBot(real_settings).ask(PRACTICE).verdict == Verdict.OUI
