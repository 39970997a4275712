"""Run the casebook against a service that is already serving.

    python -m tests.casebook http://127.0.0.1:8000
    python -m tests.casebook http://127.0.0.1:8000 --only "foreign-*" --verbose

One line for each case that does not hold, then how many hold of each kind. Exit 0 only if all hold.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.casebook.cases import WAYS, read_cases
from tests.casebook.ehr import Ehr
from tests.casebook.ehr_server import FhirServer
from tests.casebook.expectations import check


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", help="where the service answers, without /cds-services")
    parser.add_argument("--cases", type=Path, default=Path(__file__).parent, help="another folder of cases")
    parser.add_argument("--only", action="append", default=[], help="an id or a kind; * stands for anything")
    parser.add_argument("--verbose", action="store_true", help="print the cards of the cases that fail")
    arguments = parser.parse_args()
    ehr = Ehr(arguments.base, FhirServer())
    held: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for case in read_cases(arguments.cases):
        wanted = arguments.only or [case.id]
        if not any(fnmatch.fnmatch(name, pattern) for pattern in wanted for name in (case.id, case.kind)):
            continue
        bad = []
        for way in WAYS[case.way]:
            shift = case.shift(datetime.now(UTC))
            answer = ehr.call(case, way, shift)
            wrong = check(case, answer, shift)
            bad += [f"{way}: {sentence}" for sentence in wrong]
            if wrong and arguments.verbose:
                print(f"  {way}: status {answer.status}")
                for card in answer.cards:
                    print("   ", card.indicator, card.topic, card.text.replace("\n", "\n      "))
        asked[case.kind] += 1
        held[case.kind] += not bad
        if bad:
            print(f"FAIL {case.id} [{case.kind}]: {'; '.join(bad)}")
    for kind in sorted(asked):
        print(f"{kind}: {held[kind]}/{asked[kind]}")
    print(f"casebook: {held.total()} of {asked.total()} hold")
    return 0 if asked and held == asked else 1


if __name__ == "__main__":
    sys.exit(main())
