"""Do two replicas behind nginx, on one PostgreSQL, behave as one service? ``make replicas``

A token is good once, whichever replica sees it; feedback given to one silences the other; a replica that is
killed takes its own connections with it and nothing else; an upgrade across a migration loses nothing. The
figures are printed, last as one line of JSON; the exit status is 1 where something was lost. It needs nginx.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

from fhir_fixtures.vocabulary import build_request
from service.store.database import LATEST_REVISION
from tests import postgresql
from tests.bench.processes import CHECKOUT, free_port, running, tree
from tests.certificates import of_private_authority
from tests.nginx import MISSING, NGINX, Nginx, nginx
from tests.security.keys import ISSUER, claims, elliptic, key_set, public, signed

_PUBLIC_URL = "https://cds.example.org"
_CALL = "/cds-services/net-patient-view"
_CHART = "ileal NET 60 days ago; carcinoid syndrome 50 days ago; small-bowel resection planned in 2 days"
_DECLINED = "octreotide-prophylaxis"
_TOKENS, _PATIENTS, _CONNECTIONS = 40, 20, 8
_LOAD_SECONDS = 6.0
_RECORDED_WITHIN = 1.0
"""Seconds; the service promises a quarter of one."""
_COMMAND = [sys.executable, "-m", "service", "serve", "--port", "{port}"]
_TEMPLATE = json.dumps(build_request(_CHART))
_NEXT_REVISION = f"{int(LATEST_REVISION) + 1:04}"
_MIGRATION = f'''"""A column that the version before does not know."""

import sqlalchemy as sa
from alembic import op

revision = "{_NEXT_REVISION}"
down_revision = "{LATEST_REVISION}"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("issued_answer", sa.Column("replica", sa.Text, nullable=True))
    op.add_column("feedback", sa.Column("replica", sa.Text, nullable=False, server_default=""))
'''


@dataclass(frozen=True, slots=True)
class Site:
    """What the replicas share: their settings, a folder for their logs, and where nginx looks for them."""

    folder: Path
    settings: Mapping[str, str]
    ports: tuple[int, int]
    edge: str
    authority: str
    changes: Mapping[str, str]

    def direct(self, index: int) -> str:
        """The origin of one replica."""
        return f"http://127.0.0.1:{self.ports[index]}"

    def without(self, index: int) -> dict[str, str]:
        """The changes to the example of nginx that give this replica no more calls."""
        server = f"server 127.0.0.1:{self.ports[index]} "
        return {name: value.replace(server, f"{server}down ") for name, value in self.changes.items()}


@dataclass(slots=True)
class Outcome:
    """What callers saw: status (0: none) and time of each answer, and the cards of those with 200."""

    statuses: list[tuple[int, float]] = field(default_factory=list)
    cards: dict[str, float] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)

    @property
    def failures(self) -> list[float]:
        """When an answer other than 200, or none, came; seconds since 1970."""
        return [moment for status, moment in self.statuses if status != 200]

    @property
    def failed(self) -> str:
        """How many answers were not a 200, and what they were."""
        statuses = Counter(status for status, _ in self.statuses if status != 200)
        return f"{statuses.total()} failed {dict(statuses) or ''}".rstrip()


def main() -> int:
    """Print the figures; exit status 1 where something was lost, 3 where it cannot be tried."""
    if NGINX is None or not postgresql.is_available():
        print(MISSING if NGINX is None else postgresql.MISSING)
        return 3
    with tempfile.TemporaryDirectory() as folder, postgresql.postgresql() as database:
        site = _site(Path(folder), database)
        with nginx(site.folder, ["net-cds.conf"], site.changes) as edge:
            lost = _all(site, edge, database)
    print(json.dumps(lost))
    return int(any(value for name, value in lost.items() if name.endswith("_lost")))


def _all(site: Site, edge: Nginx, database: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    with _replica(site, 0), ExitStack() as second:
        killed = second.enter_context(_replica(site, 1))
        figures |= _replays(site)
        figures |= _feedback(site)
        figures |= _crash(site, edge, database, killed)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(_replica(site, 0))
        second.enter_context(_replica(site, 1))
        figures |= _upgrade(site, edge, database, [first, second])
    return figures


def _site(folder: Path, database: str) -> Site:
    (folder / "keys.json").write_bytes(key_set(public(elliptic(), "ec-1")))
    (folder / "clients.toml").write_text(f'[[client]]\niss = "{ISSUER}"\njwks_file = "keys.json"\n')
    authority, served = of_private_authority(folder)
    port, ports = free_port(), (free_port(), free_port())
    options = "max_fails=1 fail_timeout=5s;"
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        f"server 127.0.0.1:8000 {options}": "".join(f"server 127.0.0.1:{one} {options} " for one in ports),
        "/etc/nginx/tls/net-cds.pem": str(served),
        "/etc/nginx/tls/net-cds.key": str(served),
    }
    settings = {
        "NET_CDS_DATABASE_URL": database.replace("postgresql:", "postgresql+psycopg:"),
        "NET_CDS_CLIENTS": str(folder / "clients.toml"),
        "NET_CDS_PUBLIC_URL": _PUBLIC_URL,
        "NET_CDS_SECRET_FILE": str(folder / "net-cds.secret"),
        "NET_CDS_LOG_LEVEL": "WARNING",
    }
    return Site(folder, settings, ports, f"https://127.0.0.1:{port}", str(authority), changes)


@contextmanager
def _replica(site: Site, index: int, *, checkout: Path = CHECKOUT) -> Iterator[int]:
    """A replica on its port; yields its process."""
    log = site.folder / f"replica-{index}-{checkout.name}.log"
    options: dict[str, Any] = {"answers": "/health/ready", "checkout": checkout, "port": site.ports[index]}
    with running(_COMMAND, site.settings, log, **options) as service:
        yield service.process


def _replays(site: Site) -> dict[str, float]:
    """Each token is sent to both replicas at once, and another twice through nginx."""
    with ThreadPoolExecutor(2) as pool:
        at_once, in_turn = 0, 0
        for number in range(_TOKENS):
            headers = _token(_CALL)
            sent = [
                pool.submit(_call, site.direct(index), number, site.authority, headers) for index in (0, 1)
            ]
            at_once += [one.result().status_code for one in sent].count(200)
            headers = _token(_CALL)
            twice = [_call(site.edge, number, site.authority, headers) for _ in range(2)]
            in_turn += [answer.status_code for answer in twice].count(200)
    print(f"{_TOKENS} tokens sent to both replicas at once: {at_once} accepted; twice in turn: {in_turn}")
    wrong = abs(at_once - _TOKENS) + abs(in_turn - _TOKENS)
    return {"tokens": 2 * _TOKENS, "tokens_accepted": at_once + in_turn, "replay_protection_lost": wrong}


def _feedback(site: Site) -> dict[str, float]:
    """Advice shown by the first replica and declined at the second is silent at both, and counted once."""
    still_shown = 0
    for number in range(1000, 1000 + _PATIENTS):
        shown = _advice(_call(site.direct(0), number, site.authority))
        time.sleep(0.4)
        answer = _report(site.direct(1), shown, site.authority, outcome="overridden")
        answer.raise_for_status()
        after = [_advice(_call(site.direct(index), number, site.authority)) for index in (0, 1)]
        still_shown += sum(one is not None for one in after)
    counted = _overridden(site)
    print(
        f"{_PATIENTS} cards of one replica declined at the other: {counted} counted, {still_shown} seen again"
    )
    lost = abs(counted - _PATIENTS) + still_shown
    return {"declined": _PATIENTS, "declined_counted": counted, "feedback_across_replicas_lost": lost}


def _crash(site: Site, edge: Nginx, database: str, process: int) -> dict[str, float]:
    """Kill the second replica, master and workers, in the middle of the load."""
    with _load(site) as outcome:
        time.sleep(_LOAD_SECONDS / 2)
        killed_at = time.time()
        for member in list(tree(process)):
            os.kill(member, signal.SIGKILL)
        time.sleep(_LOAD_SECONDS / 2)
    own = [line for line in edge.calls if f":{site.ports[1]}" in line and int(line.split()[1]) >= 500]
    beyond = len(outcome.failures) - len(own)
    late = sum(moment > killed_at + 1 for moment in outcome.failures)
    early = sum(moment < killed_at - 0.1 for moment in outcome.failures)
    cards, reports = _not_kept(outcome, database, but_for=(killed_at - _RECORDED_WITHIN, killed_at + 0.1))
    print(
        f"a replica killed under load: {len(outcome.statuses)} answers, {outcome.failed}, "
        f"{beyond} of them not on its connections; cards not recorded {cards}, acknowledged reports not kept "
        f"{reports}"
    )
    return {
        "crash_answers": len(outcome.statuses),
        "crash_failed": len(outcome.failures),
        "crash_beyond_its_connections_lost": max(beyond, 0)
        + late
        + early
        + (len(outcome.failures) > _CONNECTIONS),
        "crash_cards_lost": cards,
        "crash_reports_lost": reports,
    }


def _upgrade(site: Site, edge: Nginx, database: str, replicas: list[ExitStack]) -> dict[str, float]:
    """One replica after the other leaves nginx, is stopped, and comes back with a further migration."""
    newer, ready = _next_version(site.folder), []
    with ExitStack() as upgraded, _load(site) as outcome:
        time.sleep(1)
        for index in (1, 0):
            edge.change(["net-cds.conf"], site.without(index))
            time.sleep(1)
            replicas[index].close()
            upgraded.enter_context(_replica(site, index, checkout=newer))
            ready += [requests.get(f"{site.direct(one)}/health/ready", timeout=5).ok for one in (0, 1)]
            edge.change(["net-cds.conf"], site.changes)
            time.sleep(_LOAD_SECONDS / 2)
    cards, reports = _not_kept(outcome, database)
    with psycopg.connect(database) as connection:
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()[0][0]
    print(
        f"upgrade from {LATEST_REVISION} to {revision} under load: {len(outcome.statuses)} answers, "
        f"{outcome.failed}, cards not recorded {cards}, acknowledged reports not kept {reports}"
    )
    return {
        "upgrade_answers": len(outcome.statuses),
        "upgrade_answers_lost": len(outcome.failures) + (not all(ready)) + (revision != _NEXT_REVISION),
        "upgrade_cards_lost": cards,
        "upgrade_reports_lost": reports,
    }


def _next_version(folder: Path) -> Path:
    """A copy of the program with a migration more."""
    checkout = folder / "next"
    tracked = subprocess.run(
        ["git", "ls-files", "service", "cards"], cwd=CHECKOUT, capture_output=True, check=True
    )
    for name in tracked.stdout.decode().splitlines():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_bytes((CHECKOUT / name).read_bytes())
    code = checkout / "service" / "store" / "database.py"
    code.write_text(code.read_text().replace(f'"{LATEST_REVISION}"', f'"{_NEXT_REVISION}"'))
    migrations = checkout / "service" / "store" / "migrations" / "versions"
    (migrations / f"{_NEXT_REVISION}_next.py").write_text(_MIGRATION)
    return checkout


@contextmanager
def _load(site: Site) -> Iterator[Outcome]:
    """Call through nginx on several connections until the block ends, and report on every other card."""
    outcome, stopping = Outcome(), threading.Event()
    threads = [
        threading.Thread(target=_keep_calling, args=(site, index, outcome, stopping))
        for index in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield outcome
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
        time.sleep(_RECORDED_WITHIN)


def _keep_calling(site: Site, index: int, outcome: Outcome, stopping: threading.Event) -> None:
    number = uuid.uuid4().int % 10**9 + index * 10**9
    while not stopping.is_set():
        number += 1
        answer = _noted(outcome, lambda: _call(site.edge, number, site.authority))  # noqa: B023  # called at once
        if answer is None:
            continue
        moment = time.time()
        cards = [card["uuid"] for card in answer.json()["cards"]]
        outcome.cards.update(dict.fromkeys(cards, moment))
        if number % 2:
            report = _noted(outcome, lambda: _report(site.edge, cards[0], site.authority))  # noqa: B023
            if report is not None:
                outcome.reported.add(cards[0])


def _noted(outcome: Outcome, ask: Any) -> requests.Response | None:
    """The answer, if it is a 200."""
    try:
        answer: requests.Response = ask()
        status = answer.status_code
    except requests.RequestException:
        status = 0
    outcome.statuses.append((status, time.time()))
    return answer if status == 200 else None


def _call(
    origin: str, patient: int, authority: str, headers: Mapping[str, str] | None = None
) -> requests.Response:
    body = json.loads(_TEMPLATE.replace("patient-1", f"patient-{patient}"))
    body["hookInstance"] = str(uuid.uuid4())
    return requests.post(
        origin + _CALL, json=body, headers=headers or _token(_CALL), verify=authority, timeout=30
    )


def _report(origin: str, card: str | None, authority: str, *, outcome: str = "accepted") -> requests.Response:
    item: dict[str, Any] = {
        "card": card,
        "outcome": outcome,
        "outcomeTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    if outcome == "accepted":
        item["acceptedSuggestions"] = [{"id": str(uuid.uuid4())}]
    path = f"{_CALL}/feedback"
    body = {"feedback": [item]}
    return requests.post(origin + path, json=body, headers=_token(path), verify=authority, timeout=30)


def _token(path: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed(claims(aud=f'{_PUBLIC_URL}{path}'))}"}


def _advice(answer: requests.Response) -> str | None:
    """The uuid of the card that is declined, if it is shown."""
    answer.raise_for_status()
    for card in answer.json()["cards"]:
        if _DECLINED in card["extension"]["net-cds.explanation"].get("recommendations", ()):
            return str(card["uuid"])
    return None


def _overridden(site: Site) -> int:
    command = [sys.executable, "-m", "service", "feedback", "report", "--format", "json"]
    environment = {**os.environ, **site.settings}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, check=True)
    lines = json.loads(done.stdout)["lines"]
    return sum(line["overridden"] for line in lines if line["rule"] == _DECLINED)


def _not_kept(
    outcome: Outcome, database: str, *, but_for: tuple[float, float] = (0.0, 0.0)
) -> tuple[int, int]:
    """How many cards that were shown (but for those of a time), and acknowledged reports, are not stored."""
    with psycopg.connect(database) as connection:
        cards = {row[0] for row in connection.execute("SELECT uuid FROM issued_card")}
        reports = {row[0] for row in connection.execute("SELECT card_uuid FROM feedback")}
    began, ended = but_for
    missing = [moment for card, moment in outcome.cards.items() if card not in cards]
    return sum(not began <= moment <= ended for moment in missing), len(outcome.reported - reports)


if __name__ == "__main__":
    sys.exit(main())
