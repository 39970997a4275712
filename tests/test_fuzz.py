"""Two thousand mutated requests over all hooks: an answer every time, never a 5xx, never a hang.

The requests are those of the synthetic patients; each is bent in a few places, as data that passed
through several systems are.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from service import AT_EXIT, create_app
from service.config import Settings

pytestmark = pytest.mark.slow

REQUESTS = sorted((Path(__file__).parent.parent / "fhir_fixtures" / "requests").glob("*.json"))
MUTANTS = 2000
_SECONDS_FOR_ONE = 10.0  # far above any honest answer; only a hang takes longer

_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**15,
    1e308,
    "",
    " ",
    "x" * 5000,
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\u202eabc\u0000",
    [],
    {},
    [[[[]]]],
    [None],
    {"coding": "C7A.012"},
    {"coding": [None, 7, {"system": {}, "code": []}]},
    {"reference": "Patient/other"},
    {"value": "12", "unit": ["%"]},
    "2026-13-45",
    "2026-05-01T10:00:00",
    "0000",
    "done",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("fuzz")
    app = create_app(Settings(database_url=f"sqlite:///{folder / 'store.sqlite3'}"))
    yield app.test_client()
    for finish in app.extensions[AT_EXIT]:
        finish()


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield (*path, name)
        yield from _places(member, (*path, name))


def _mutated(document: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    mutant = copy.deepcopy(document)
    places = list(_places(mutant))
    for path in dice.sample(places, k=min(len(places), dice.randint(1, 6))):
        _bend(mutant, path, dice)
    return mutant


def _bend(mutant: Any, path: tuple[Any, ...], dice: random.Random) -> None:
    """Replace, remove or repeat one member; a place that an earlier bend took away is left alone."""
    for step in path[:-1]:
        try:
            mutant = mutant[step]
        except (KeyError, IndexError, TypeError):
            return
    try:
        member = mutant[path[-1]]
    except (KeyError, IndexError, TypeError):
        return
    match dice.randrange(4):
        case 0:
            del mutant[path[-1]]
        case 1 if isinstance(mutant, list):
            mutant.append(copy.deepcopy(member))
        case 2:
            mutant[path[-1]] = [member]
        case _:
            mutant[path[-1]] = copy.deepcopy(dice.choice(_ODD_VALUES))


def test_no_mutant_is_answered_with_a_server_error(client: FlaskClient) -> None:
    dice = random.Random(20261124)
    documents = [(path, orjson.loads(path.read_bytes())) for path in REQUESTS]
    statuses: dict[int, int] = {}
    for _ in range(MUTANTS):
        path, document = dice.choice(documents)
        body = orjson.dumps(_mutated(document, dice))
        began = time.monotonic()
        answer = client.post(
            f"/cds-services/net-{path.name.split('.')[1]}", data=body, content_type="application/json"
        )
        assert answer.status_code < 500, f"{path.name}: {body[:2000]!r}"
        assert time.monotonic() - began < _SECONDS_FOR_ONE
        assert answer.get_json() is not None
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

    assert statuses[200] > MUTANTS // 2  # most bends are survived, so that the rules were really asked
