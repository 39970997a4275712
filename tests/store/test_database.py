from __future__ import annotations

import json
import logging
import os
import socket
import stat
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select, text
from sqlalchemy.engine import make_url

from service.errors import ConfigurationError, StoreUnavailable
from service.hooks.feedback import FeedbackItem
from service.store import patience
from service.store.database import (
    LATEST_REVISION,
    Store,
    check,
    migrate,
    open_store,
    readiness,
    reading,
    reading_if_up,
    unhurried,
    writing,
)
from service.store.feedback import record_feedback
from service.store.issued import KeptCard, record_issued
from service.store.postgresql import postgresql_engine
from service.store.tables import FEEDBACK, ISSUED_ADVICE, ISSUED_ANSWER, ISSUED_CARD, METADATA
from service.store.tokens import remember_token

_MIGRATIONS = Path(__file__).resolve().parents[2] / "service/store/migrations"
_OPENER = """
import sys
from service.store.database import check, open_store

sys.stdin.readline()
check(open_store(sys.argv[1], secret=b"k"))
print("usable", flush=True)
"""


def _alembic() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS))
    return configuration


def _file(store: Store) -> Path:
    return Path(store.engine.url.database)


def test_the_migrations_make_the_tables_that_the_code_uses(store):
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_latest_revision_is_the_last_migration():
    assert ScriptDirectory.from_config(_alembic()).get_heads() == [LATEST_REVISION]


def test_a_second_migration_keeps_what_is_there(database_url, store, now):
    remember_token(store, "https://ehr.example.org", "a", now)
    migrate(store)
    migrate(store)
    assert not remember_token(store, "https://ehr.example.org", "a", now)


def test_cards_of_the_first_tables_keep_their_rules(store, shown):
    configuration = _alembic()
    record_issued(store, [shown("ki67", "tnm"), shown("tnm"), shown()])
    with writing(store) as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "0001")
        keys = connection.execute(text("SELECT override_keys FROM issued_card")).scalars().all()
    assert set(keys) == {'{"ki67": "", "tnm": ""}', '{"tnm": ""}', "{}"}
    migrate(store)
    with reading(store) as connection:
        rows = connection.execute(select(ISSUED_CARD.c.recipient, ISSUED_CARD.c.rules)).all()
    found = sorted((recipient, json.loads(rules)) for recipient, rules in rows)
    assert found == [("", []), ("", ["ki67", "tnm"]), ("", ["tnm"])]


def test_the_cards_of_an_answer_come_together_again(store, shown):
    alone = shown("ki67")
    (uuid,) = alone.cards
    several = {f"{uuid[:-1]}{number}": KeptCard("info", ("tnm", str(number))) for number in range(3)}
    record_issued(store, [replace(alone, cards=several), shown("sstr-imaging")])
    before = [_without_recipient(card) for card in _cards(store)]
    configuration = _alembic()
    with writing(store) as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "0002")
        assert inspect(connection).get_view_names() == []
    migrate(store)
    assert [_without_recipient(card) for card in _cards(store)] == before
    assert len(before) == 4
    with reading(store) as connection:
        assert connection.execute(select(func.count()).select_from(ISSUED_ANSWER)).scalar() == 2


def test_what_was_kept_without_tenants_stays_and_advice_declined_is_shown_again(
    store, shown, now, overridden, uuid_of
):
    cards = [shown("ki67"), shown("tnm", tenant="north")]
    record_issued(store, cards)
    _report(store, overridden(uuid_of(cards[0])), now=now)
    configuration = _alembic()
    with writing(store) as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "0003")
    migrate(store)
    kept = _cards(store)
    assert {card["uuid"] for card in kept} == {uuid_of(card) for card in cards}
    assert {(card["tenant"], card["recipient"]) for card in kept} == {("", "")}
    with reading(store) as connection:
        assert connection.execute(select(FEEDBACK.c.tenant)).scalars().all() == [""]


def test_what_was_kept_before_each_rule_s_words_were_is_read_by_rule(store, shown):
    record_issued(store, [shown("ki67", "tnm")])
    configuration = _alembic()
    with writing(store) as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "0004")
        older = text("UPDATE issued_answer SET cards = :cards")
        connection.execute(older, {"cards": json.dumps({"u": ["warning", ["ki67", "tnm"]]})})
    migrate(store)
    with reading(store) as connection:
        rows = connection.execute(select(ISSUED_ADVICE).order_by(ISSUED_ADVICE.c.rule)).all()
    assert [(row.rule, row.indicator, row.wording, row.suggestions) for row in rows] == [
        ("ki67", "warning", "", "[]"),
        ("tnm", "warning", "", "[]"),
    ]
    assert {(row.patient, row.hook, bool(row.is_shadow)) for row in rows} == {("", "", False)}


def test_a_reason_that_no_card_offered_joins_the_comment(store, now, overridden):
    own = "urn:net-cds:override-reason"
    items = [
        overridden("offered", code="decided-at-board", system=own, display="As she said", comment="c"),
        overridden("foreign", code="x", system="urn:ehr", display="She said so", comment="c"),
        overridden("bare", code="She said so"),
        overridden("none", comment="c"),
    ]
    for item in items:
        _report(store, item, now=now)
    configuration = _alembic()
    with writing(store) as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "0003")
    migrate(store)
    names = ("card_uuid", "reason_code", "reason_system", "reason_display", "user_comment")
    with reading(store) as connection:
        rows = connection.execute(select(*(FEEDBACK.c[name] for name in names))).all()
    assert {name: tuple(kept) for name, *kept in rows} == {
        "offered": ("decided-at-board", own, None, "c"),
        "foreign": (None, None, None, "c\nShe said so x"),
        "bare": (None, None, None, "She said so"),
        "none": (None, None, None, "c"),
    }


def _report(store: Store, item: FeedbackItem, *, now: datetime) -> None:
    call = {"service_id": "net-patient-view", "issuer": "https://ehr.example.org", "tenant": ""}
    record_feedback(store, [item], received_at=now, **call)


def _without_recipient(card: dict[str, Any]) -> dict[str, Any]:
    """What every version keeps: digests are not taken along, and answers were once known by their cards."""
    kept = ("uuid", "service_id", "issuer", "tenant", "hook_instance", "issued_at", "indicator", "rules")
    return {name: card[name] for name in kept}


def _cards(store: Store) -> list[dict[str, Any]]:
    """The cards as they are read, in the order of their uuids."""
    with reading(store) as connection:
        rows = connection.execute(select(ISSUED_CARD).order_by(ISSUED_CARD.c.uuid)).mappings().all()
    return [{**row, "rules": json.loads(row["rules"])} for row in rows]


def test_the_migration_can_be_taken_back_and_done_again(store):
    configuration = _alembic()
    with writing(store) as connection:
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    with pytest.raises(StoreUnavailable, match="migrate"):
        check(store)
    migrate(store)
    check(store)


def test_many_processes_may_open_an_empty_database_at_once(database_url, start_process):
    processes = [start_process(_OPENER, database_url) for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == ["usable\n"] * 4


def test_tables_that_are_not_upgraded_yet_are_of_no_use(store):
    with writing(store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    with pytest.raises(StoreUnavailable, match="this version"):
        check(store)


def test_a_newer_version_may_upgrade_the_tables_under_a_running_replica_but_not_before_its_start(
    database_url, store
):
    with writing(store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    check(store)
    with pytest.raises(ConfigurationError, match="newer version"):
        open_store(database_url, secret=b"k")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "sqlite:///f?mode=ro"]
)
def test_a_url_that_can_never_work_is_refused(url):
    with pytest.raises(ConfigurationError, match="NET_CDS_DATABASE_URL"):
        open_store(url, secret=b"k")


def test_a_postgresql_url_without_driver_is_understood(postgresql_url):
    store = open_store(postgresql_url.replace("+psycopg", ""), secret=b"k")
    check(store)
    store.engine.dispose()


def test_a_server_that_is_down_is_logged_and_does_not_keep_the_service_from_starting(caplog):
    with caplog.at_level(logging.ERROR):
        store = open_store("postgresql+psycopg://user:PASSWORD-MARK@127.0.0.1:1/db", secret=b"k")
    assert "cards are answered" in caplog.text
    assert "PASSWORD-MARK" not in caplog.text
    with pytest.raises(StoreUnavailable):
        check(store)


def test_a_file_that_is_no_database_is_logged_and_unavailable(tmp_path, caplog):
    (tmp_path / "store.sqlite3").write_bytes(b"no database " * 1000)
    store = open_store(f"sqlite:///{tmp_path}/store.sqlite3", secret=b"k")
    assert "cards are answered" in caplog.text
    with pytest.raises(StoreUnavailable):
        check(store)


def test_only_the_owner_can_read_the_file(sqlite_store, now):
    remember_token(sqlite_store, "https://ehr.example.org", "a", now)
    for file in _file(sqlite_store).parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_deleted_file_is_noticed_and_not_silently_written_to(sqlite_store, now):
    check(sqlite_store)
    _file(sqlite_store).unlink()
    with pytest.raises(StoreUnavailable):
        remember_token(sqlite_store, "https://ehr.example.org", "a", now)
    assert not _file(sqlite_store).exists()


def test_a_deleted_file_is_made_anew_by_a_migration(sqlite_store, now):
    remember_token(sqlite_store, "https://ehr.example.org", "a", now)
    for file in _file(sqlite_store).parent.glob("store.sqlite3*"):
        file.unlink()
    migrate(sqlite_store)
    assert remember_token(sqlite_store, "https://ehr.example.org", "a", now)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs a user other than root to be kept from writing")
def test_what_a_read_only_file_says_is_not_taken_for_a_store(sqlite_store, now, request, caplog):
    _stop_being_root(sqlite_store, request)
    _file(sqlite_store).chmod(0o444)
    sqlite_store.engine.dispose()
    for use in (migrate, check, lambda store: remember_token(store, "https://ehr.example.org", "a", now)):
        caplog.clear()
        with pytest.raises(StoreUnavailable):
            use(sqlite_store)
        assert "The store failed: PermissionError" in caplog.text


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs a user other than root to be kept from writing")
def test_a_file_that_was_read_only_is_usable_as_soon_as_it_may_be_written(sqlite_store, now, request):
    _stop_being_root(sqlite_store, request)
    _file(sqlite_store).chmod(0o444)
    sqlite_store.engine.dispose()
    with pytest.raises(StoreUnavailable):
        check(sqlite_store)

    _file(sqlite_store).chmod(0o644)
    check(sqlite_store)
    assert remember_token(sqlite_store, "https://ehr.example.org", "a", now)


def test_an_outage_is_over_when_the_tables_have_been_made(sqlite_store):
    _file(sqlite_store).unlink()
    with pytest.raises(StoreUnavailable), reading_if_up(sqlite_store):
        pass
    migrate(sqlite_store)
    with reading_if_up(sqlite_store) as connection:
        assert inspect(connection).has_table("issued_card")


def _stop_being_root(store: Store, request: pytest.FixtureRequest) -> None:
    """Root may write to every file, so let somebody else have the store."""
    if os.geteuid() != 0:
        return
    for folder in (_file(store).parent, *_file(store).parent.parents):
        _let_others_enter(folder, request)
    for path in (_file(store).parent, *_file(store).parent.iterdir()):
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
    request.addfinalizer(lambda: os.seteuid(0))


def _let_others_enter(folder: Path, request: pytest.FixtureRequest) -> None:
    # The group as well: whoever stops being root stays in its group.
    before = stat.S_IMODE(folder.stat().st_mode)
    if before & 0o055 != 0o055:
        folder.chmod(before | 0o055)
        request.addfinalizer(lambda: folder.chmod(before))


def test_the_working_folder_may_change_after_the_store_is_open(tmp_path, monkeypatch, now):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///store.sqlite3", secret=b"k")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert remember_token(store, "https://ehr.example.org", "a", now)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    store.engine.dispose()


def test_a_durable_write_waits_for_the_disk_and_others_do_not(sqlite_store):
    with writing(sqlite_store, durable=True) as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    with writing(sqlite_store) as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1


def test_a_server_that_never_answers_is_given_up_and_asked_anew(postgresql_store, monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        _ask_for_a_long_sleep(postgresql_store)
    assert time.monotonic() - began < 5
    check(postgresql_store)


def _ask_for_a_long_sleep(store: Store) -> None:
    with writing(store) as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_sleep(20)"))


def test_what_is_no_hook_call_may_take_its_time(postgresql_store, monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.3)
    with writing(postgresql_store) as connection:
        unhurried(connection)
        connection.execute(text("SELECT pg_sleep(1)"))
    with pytest.raises(StoreUnavailable):
        _ask_for_a_long_sleep(postgresql_store)


def test_the_waits_of_one_transaction_do_not_add_up(postgresql_store):
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        _ask_for_four_naps(postgresql_store)
    assert time.monotonic() - began < 2.2
    check(postgresql_store)


def _ask_for_four_naps(store: Store) -> None:
    with writing(store) as connection:
        for _ in range(4):
            connection.execute(text("SELECT pg_sleep(0.7)"))


def test_a_server_that_lets_nobody_in_is_given_up_with_all_its_addresses():
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        port = silent.getsockname()[1]
        hosts = f"host=127.0.0.1:{port}&host=127.0.0.1:{port}&host=127.0.0.1:{port}"
        store = Store(postgresql_engine(make_url(f"postgresql+psycopg://user:password@/db?{hosts}")), b"k")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable), reading(store):
            pass
        assert time.monotonic() - began < 2.2


def test_readers_do_not_wait_for_a_writer(sqlite_store, now):
    with writing(sqlite_store) as connection:
        connection.execute(text("DELETE FROM seen_token"))
        with reading(sqlite_store) as other:
            assert other.execute(text("SELECT count(*) FROM seen_token")).scalar() == 0


def test_a_failed_transaction_leaves_nothing(store):
    with pytest.raises(StoreUnavailable):
        _insert_and_fail(store)
    with reading(store) as connection:
        assert connection.execute(text("SELECT count(*) FROM seen_token")).scalar() == 0


def _insert_and_fail(store: Store) -> None:
    with writing(store) as connection:
        connection.execute(text("INSERT INTO seen_token VALUES ('a', '2026-11-24 00:00:00')"))
        connection.execute(text("INSERT INTO no_such_table VALUES (1)"))


_FULL_DISK = """
import resource, sys
from service.errors import StoreUnavailable
from service.store.database import check, open_store, readiness

store = open_store(sys.argv[1], secret=b"k")
check(store)
readiness(store)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
for ask in (check, readiness):
    try:
        ask(store)
    except StoreUnavailable:
        print("refused")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
check(store)
readiness(store)
print("ready")
"""


def test_a_disk_that_is_full_is_found_by_the_check_and_told_by_readiness(sqlite_url, start_process):
    process = start_process(_FULL_DISK, sqlite_url)
    assert process.communicate(timeout=60)[0] == "refused\nrefused\nready\n"


def test_readiness_that_was_not_checked_for_long_is_none(sqlite_store, monkeypatch):
    readiness(sqlite_store)
    sqlite_store.outage.worked_at -= 60
    with pytest.raises(StoreUnavailable):
        readiness(sqlite_store)
    check(sqlite_store)
    readiness(sqlite_store)


def test_a_server_that_gave_no_answer_is_left_alone_by_the_next_calls(postgresql_store, monkeypatch, now):
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.6)
    with pytest.raises(StoreUnavailable):
        _ask_for_a_long_sleep(postgresql_store)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        remember_token(postgresql_store, "https://ehr.example.org", "a", now)
    assert time.monotonic() - began < 0.3
    check(postgresql_store)
    assert remember_token(postgresql_store, "https://ehr.example.org", "a", now)
