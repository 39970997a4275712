"""Put every synthetic patient on a FHIR server, as if lived today.

python -m fhir_fixtures.load BASE_URL [--wait SECONDS]

One server holds them all, so the ids of each chart get a prefix of its own: ``p1-patient-1``. What was there
under the same ids is replaced, so that it may be run again. https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import orjson
import requests

from fhir_fixtures.generate import read_patients
from fhir_fixtures.vocabulary import build_bundle

Resource = dict[str, Any]
_REFERENCE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]+)")
_SECONDS_BETWEEN_TRIES = 2.0


def charts(today: date) -> Iterator[tuple[str, Resource]]:
    """The name of each patient of the table and the transaction that puts the chart on a server."""
    for number, row in enumerate(read_patients(), start=1):
        bundle = prefixed(build_bundle(row.phrases, today=today), f"p{number}-")
        stored = (entry["resource"] for entry in bundle["entry"])
        # What stands for a fault of a record, such as an outcome, has no id and is nothing to keep.
        yield row.name, transaction(resource for resource in stored if "id" in resource)


def transaction(resources: Iterable[Resource]) -> Resource:
    """The Bundle that puts resources on a server under their own ids."""
    entries = [
        {
            "resource": resource,
            "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
        }
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def prefixed(value: Any, prefix: str) -> Any:
    """The same JSON with the prefix before every id of a resource, wherever it is named."""
    if isinstance(value, list):
        return [prefixed(item, prefix) for item in value]
    if not isinstance(value, dict):
        return value
    is_resource = "resourceType" in value
    changed = {}
    for name, member in value.items():
        if name in ("patientId", "encounterId") or (is_resource and name == "id"):
            changed[name] = f"{prefix}{member}"
        elif name == "selections":
            changed[name] = [_reference(one, prefix) for one in member]
        elif name in ("reference", "fullUrl"):
            changed[name] = _reference(member, prefix)
        else:
            # Contained resources are named within their resource only.
            changed[name] = member if name == "contained" else prefixed(member, prefix)
    return changed


def _reference(text: str, prefix: str) -> str:
    return _REFERENCE.sub(rf"\g<type>/{prefix}\g<id>", text)


def wait_for(base_url: str, seconds: float) -> None:
    """Return once the server describes itself. Raises TimeoutError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not _answers(base_url):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{base_url}/metadata did not answer within {seconds:g} s")
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _answers(base_url: str) -> bool:
    try:
        return requests.get(f"{base_url}/metadata", timeout=10).ok
    except requests.RequestException:
        return False


def load(base_url: str, today: date) -> list[str]:
    """Put the charts there; what the server refused, as ``name: HTTP status``. Raises RequestException."""
    refused = []
    with requests.Session() as session:
        session.headers["Content-Type"] = "application/fhir+json"
        for name, bundle in charts(today):
            answer = session.post(base_url, data=orjson.dumps(bundle), timeout=120)
            if not answer.ok:
                refused.append(f"{name}: HTTP status {answer.status_code}")
    return refused


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 when a chart was refused, 3 when the server cannot be reached."""
    parser = argparse.ArgumentParser(prog="python -m fhir_fixtures.load")
    parser.add_argument("base_url", metavar="BASE_URL", help="of a FHIR R4 server for trials")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="for a server that is still starting"
    )
    options = parser.parse_args(arguments)
    base_url = options.base_url.rstrip("/")
    try:
        wait_for(base_url, options.wait)
        refused = load(base_url, datetime.now(UTC).date())
    except (TimeoutError, requests.RequestException) as problem:
        print(f"The FHIR server cannot be used: {problem}", file=sys.stderr)
        return 3
    print("\n".join(["The server refused", *refused]) if refused else "Every chart is on the server.")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
