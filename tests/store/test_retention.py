from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from service.store.database import reading
from service.store.feedback import record_feedback
from service.store.issued import record_issued
from service.store.retention import Purged, purge
from service.store.tables import METADATA


def _counts(store):
    with reading(store) as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar()
            for name, table in METADATA.tables.items()
        }


def test_what_is_older_than_the_limit_goes_with_all_that_belongs_to_it(store, now, shown, accepted, uuid_of):
    for age in (9, 11):
        then = now - timedelta(days=age)
        card = shown("ki67", "tnm", issued_at=then)
        record_issued(store, [card])
        record_feedback(
            store,
            [accepted(uuid_of(card), at=then)],
            service_id="net-patient-view",
            issuer="",
            tenant="",
            received_at=then,
        )
    assert purge(store, older_than_days=10, now=now) == Purged(issued_cards=1, feedback=1, tokens=0)
    assert _counts(store) == {
        "issued_answer": 1,
        "feedback": 1,
        "accepted_suggestion": 1,
        "seen_token": 0,
        "opening": 0,
    }


def test_a_second_purge_finds_nothing(store, now, shown):
    record_issued(store, [shown("ki67", issued_at=now - timedelta(days=11))])
    purge(store, older_than_days=10, now=now)
    assert purge(store, older_than_days=10, now=now) == Purged(0, 0, 0)
