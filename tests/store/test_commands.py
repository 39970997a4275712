from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta

import pytest

from service.config import Settings
from service.errors import StoreUnavailable
from service.store.commands import add_commands
from service.store.feedback import record_feedback
from service.store.issued import record_issued


@pytest.fixture
def run(database_url, capsys):
    def run(*words, url=database_url):
        parser = argparse.ArgumentParser()
        add_commands(parser.add_subparsers(required=True))
        arguments = parser.parse_args(words)
        code = arguments.run(arguments, Settings(database_url=url))
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def commented_card(store, shown, overridden, uuid_of):
    now = datetime.now(UTC)
    card = shown("ki67", issued_at=now - timedelta(days=40))
    record_issued(store, [card])
    item = overridden(uuid_of(card), comment="COMMENT-MARK")
    call = {"service_id": "net-patient-view", "issuer": "https://ehr.example.org", "tenant": ""}
    record_feedback(store, [item], received_at=now, **call)


def test_migrate_makes_the_tables(run):
    assert run("migrate") == (0, "The tables of the store are up to date.\n")


def test_migrate_fails_where_the_store_cannot_be_reached(run):
    with pytest.raises(StoreUnavailable):
        run("migrate", url="postgresql+psycopg://127.0.0.1:1/db")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_every_format_names_the_rule_and_shows_comments_on_request_only(run, commented_card, form):
    code, without = run("feedback", "report", "--format", form)
    assert code == 0
    assert "ki67" in without
    assert "MARK" not in without
    assert "COMMENT-MARK" in run("feedback", "report", "--format", form, "--comments")[1]


def test_a_report_can_be_of_a_period(run, commented_card):
    words = ("feedback", "report", "--format", "json", "--since", "2026-01-01", "--until", "2026-01-02")
    told = json.loads(run(*words)[1])
    assert told["lines"] == []
    assert told["since"] == "2026-01-01T00:00:00+00:00"


def test_purge_keeps_what_the_settings_keep_and_deletes_what_is_asked(run, commented_card):
    assert "older than 365 days: 0 issued cards, 0 reports" in run("feedback", "purge")[1]
    assert "older than 30 days: 1 issued cards" in run("feedback", "purge", "--older-than-days", "30")[1]


@pytest.mark.parametrize(
    "words",
    [
        ("feedback",),
        ("feedback", "report", "--since", "yesterday"),
        ("feedback", "report", "--format", "xml"),
        ("feedback", "purge", "--older-than-days", "-1"),
    ],
)
def test_a_wrong_command_says_how_it_is_used(run, words, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    assert "usage:" in capsys.readouterr().err
