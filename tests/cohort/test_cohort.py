from __future__ import annotations

import csv
import gzip
import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from fhir_fixtures import hospital
from fhir_fixtures.vocabulary import TODAY, build_bundle, build_request
from service.__main__ import main
from service.charts import Chart, request_document
from service.cohort.assess import Options
from service.cohort.owners import owner_of
from service.cohort.run import Plan, run, whole
from service.config import read_settings
from service.engine import respond
from service.errors import InputFileError
from service.hooks.request import read_request

pytestmark = pytest.mark.slow

SETTINGS = read_settings({})
MOMENT = datetime(2026, 11, 24, 8, tzinfo=UTC)
ASKED = Options(hooks=("patient-view",), moments=(MOMENT,))


def plan(output: Path, *inputs: Path, processes: int = 1, **changes: Any) -> Plan:
    made = Plan(tuple(map(str, inputs)), output, SETTINGS, None, ASKED, processes, with_ids=True)
    return replace(made, **changes)


def quiet(*_: object) -> None:
    pass


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


RESULTS = ("cards.csv", "cards.parquet", "not_assessed.csv", "summary.json", "problems.csv", "units.csv")


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    hospital.write(folder, 160, one_in=4, resources=24, seed=3, today=TODAY)
    return folder


@pytest.fixture(scope="module")
def found(clinic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("results") / "out"
    run(plan(output, clinic), quiet)
    return output


def test_every_patient_has_the_cards_of_a_call_of_the_service(clinic: Path, found: Path) -> None:
    knowledge = whole(SETTINGS).content
    charts: dict[str, list[Any]] = {}
    for path in clinic.glob("*.ndjson"):
        for line in path.read_bytes().splitlines():
            resource = orjson.loads(line)
            charts.setdefault(owner_of(resource), []).append(resource)
    expected = set()
    for identity, resources in charts.items():
        if not any(one["resourceType"] == "Patient" for one in resources):
            continue  # what the charts of others say of somebody who has none
        document = request_document(
            Chart(identity, tuple(resources)), hook="patient-view", user="Practitioner/1"
        )
        request = read_request(document, service_id="net-patient-view", hook="patient-view")
        answer = respond(request, knowledge=knowledge, now=MOMENT)
        expected |= {
            (identity, str(place), rule, card.indicator.name.lower(), card.summary)
            for place, card in enumerate(answer.cards, start=1)
            for rule in card.recommendations
        }
    given = {
        (one["patient"], one["place"], one["rule"], one["indicator"], one["summary"])
        for one in rows(found / "cards.csv")
    }
    # Some charts speak of another patient, of whom the export has no Patient.
    assert {one for one in given if one[0] in charts and one[0] != "patient-2"} == expected
    assert len({one[0] for one in given}) > 15


def test_processes_do_not_change_the_results(clinic: Path, found: Path, tmp_path: Path) -> None:
    run(plan(tmp_path / "two", clinic, processes=2), quiet)
    assert files(tmp_path / "two") == files(found)


def test_a_run_that_was_stopped_goes_on_and_gives_the_same(
    clinic: Path, found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(what: str, done: int, _total: int) -> None:
        if what == "assessing charts" and done:
            raise KeyboardInterrupt

    monkeypatch.setattr("service.cohort.run.BATCH", 5)
    with pytest.raises(KeyboardInterrupt):
        run(plan(tmp_path / "out", clinic), stop)
    assert not (tmp_path / "out" / "cards.csv").exists()
    counts: list[int] = []
    run(
        plan(tmp_path / "out", clinic),
        lambda what, done, _total: counts.append(done) if what.startswith("ass") else None,
    )
    assert counts[0] == 5
    assert files(tmp_path / "out") == files(found)


def test_an_unfinished_run_with_other_options_is_not_gone_on_with(clinic: Path, tmp_path: Path) -> None:
    def stop(what: str, *_: int) -> None:
        if what == "assessing charts":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan(tmp_path / "out", clinic), stop)
    other = replace(ASKED, hooks=("encounter-start",))
    with pytest.raises(InputFileError, match="unfinished run"):
        run(plan(tmp_path / "out", clinic, options=other), quiet)


def test_lines_that_cannot_be_read_are_named_and_stop_nothing(
    found: Path, clinic: Path, tmp_path: Path
) -> None:
    for path in clinic.glob("*.ndjson"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    broken = tmp_path / "Condition.ndjson"
    lines = broken.read_bytes().splitlines()
    bad = [
        b'{"resourceType": "Condition", ',
        b"[1, 2]",
        b'{"resourceType":"Condition","code":{"text":"gout"}}',
    ] * 34
    mixed = [piece for number, line in enumerate(lines) for piece in ([*bad[number : number + 1], line])]
    broken.write_bytes(b"\n".join(mixed) + b"\n\n")
    run(plan(tmp_path / "out", tmp_path), quiet)
    problems = rows(tmp_path / "out" / "problems.csv")
    assert [int(one["line"]) for one in problems] == [1 + 2 * number for number in range(len(bad))]
    assert {one["file"] for one in problems} == {str(broken)}
    assert {one["says"] for one in problems} == {
        "$ has to be valid JSON: unexpected end of data (line 1, column 30)",
        "$ has to be one JSON object",
        "the Condition does not say whose it is",
    }
    assert rows(tmp_path / "out" / "cards.csv") == rows(found / "cards.csv")


def test_what_is_not_utf8_or_broken_off_is_named(clinic: Path, found: Path, tmp_path: Path) -> None:
    for path in clinic.glob("*.ndjson"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    latin = tmp_path / "Latin.ndjson"
    latin.write_bytes(
        '{"resourceType":"Condition","code":{"text":"Karzinoid, fr\xfcher"}}\n'.encode("latin-1")
    )
    (tmp_path / "Broken.ndjson.gz").write_bytes(gzip.compress(latin.read_bytes() * 50)[:40])
    (tmp_path / "None.ndjson.gz").write_bytes(b"no gzip")
    (tmp_path / "Odd.ndjson").write_bytes(b"\xff\xfe\n")
    run(plan(tmp_path / "out", tmp_path), quiet)
    problems = [(Path(one["file"]).name, one["line"]) for one in rows(tmp_path / "out" / "problems.csv")]
    assert problems == [
        ("Broken.ndjson.gz", ""),
        ("Latin.ndjson", "1"),
        ("None.ndjson.gz", ""),
        ("Odd.ndjson", "1"),
    ]
    assert rows(tmp_path / "out" / "cards.csv") == rows(found / "cards.csv")


def test_results_need_a_folder(clinic: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputFileError, match="cannot be used as folder"):
        run(plan(tmp_path / "file", clinic), quiet)


def test_a_folder_of_other_files_is_left_alone(clinic: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputFileError, match="name a new or an empty folder"):
        run(plan(tmp_path, clinic), quiet)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_server_did_not_export_is_a_problem(tmp_path: Path) -> None:
    export = tmp_path / "export"
    hospital.write(export, 3, one_in=1, resources=10, seed=1, today=TODAY)
    issue = {"severity": "error", "code": "exception", "diagnostics": "Condition of Jane Doe"}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    (export / "0007-errors.txt").write_bytes(orjson.dumps(outcome) + b"\nno json\n")
    found = run(plan(tmp_path / "out", export), quiet)
    assert [(one.line, one.says.rpartition(": ")[2]) for one in found.problems] == [
        (1, "exception"),
        (2, "no code"),
    ]
    assert "Jane" not in (tmp_path / "out" / "problems.csv").read_text()


def test_a_patient_who_cannot_be_assessed_is_named_by_pseudonym(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    patients = [{"resource": {"resourceType": "Patient", "id": one}} for one in ("jane doe", "joan-doe")]
    path.write_bytes(orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": patients}))
    found = run(plan(tmp_path / "out", path, with_ids=False), quiet)
    (problem,) = found.problems
    assert problem.file.startswith(f"{path}, Patient/")
    assert "jane doe" not in (tmp_path / "out" / "problems.csv").read_text()


def test_bundles_and_requests_are_assessed_as_well(tmp_path: Path) -> None:
    charts = tmp_path / "in"
    charts.mkdir()
    (charts / "a.json").write_text(json.dumps(build_bundle("ileal NET 60 days ago")))
    (charts / "b.json").write_text(
        json.dumps(build_request("ileal NET 60 days ago; Ki-67 2 %", hook="patient-view"))
    )
    (charts / "c.json").write_text("{")
    (charts / "d.json").write_text('{"resourceType": "Observation"}')
    (charts / "notes.txt").write_text("nothing of this")
    result = run(plan(tmp_path / "out", charts), quiet)
    assert [Path(one.file).name for one in result.problems] == ["c.json", "d.json"]
    rules = [one["rule"] for one in rows(tmp_path / "out" / "cards.csv")]
    assert rules.count("sstr-imaging") == 2
    assert rules.count("ki67") == 1


def test_without_wish_no_id_leaves_the_charts(clinic: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    run(plan(first, clinic, with_ids=False), quiet)
    written = b"".join(one.read_bytes() for one in first.iterdir() if one.is_file())
    assert b"patient-0000" not in written
    again.mkdir(mode=0o700)
    (again / "pseudonyms.key").write_bytes((first / "pseudonyms.key").read_bytes())
    run(plan(again, clinic, with_ids=False), quiet)
    assert files(again) == files(first)


def test_only_the_owner_can_read_the_results(found: Path) -> None:
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in found.iterdir()} == {0o600}


def test_replay_shows_the_day_on_which_a_card_would_have_come(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(build_bundle("ileal NET 60 days ago; Ki-67 2 % 20 days ago")))
    days = (*tuple(datetime(2026, 9, 1 + 7 * week, 8, tzinfo=UTC) for week in range(4)), MOMENT)
    options = Options(("patient-view",), days, is_replay=True)
    run(plan(tmp_path / "out", tmp_path / "a.json", options=options), quiet)
    seen = {day: set() for day in ("2026-09-22", "2026-11-24")}
    for one in rows(tmp_path / "out" / "cards.csv"):
        seen.setdefault(one["day"], set()).add(one["rule"])
    assert seen["2026-09-22"] == set()
    assert "sstr-imaging" in seen["2026-11-24"]
    assert "ki67" not in seen["2026-11-24"]


def test_a_comparison_names_who_gains_and_loses_which_card(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps(build_bundle("ileal NET 310 days ago; DOTATATE PET/CT positive done 300 days ago"))
    )
    changed = tmp_path / "defaults.toml"
    text = Path("cards/defaults.toml").read_text(encoding="utf-8")
    before, limit, after = text.partition("[sstr_fresh_days]\n")
    changed.write_text(before + limit + after.replace("365", "200", 1), encoding="utf-8")
    code = main(
        [
            "cohort",
            str(tmp_path / "a.json"),
            "--to",
            str(tmp_path / "out"),
            "--today",
            "2026-11-24",
            "--compare",
            str(changed),
        ]
    )
    differences = rows(tmp_path / "out" / "comparison.csv")
    assert code == 1
    assert [(one["rule"], one["change"]) for one in differences] == [("sstr-imaging", "gained")]


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        ({"resourceType": "Patient", "id": "a"}, "a"),
        ({"resourceType": "Condition", "subject": {"reference": "Patient/a"}}, "a"),
        ({"resourceType": "Condition", "subject": {"reference": "https://h/fhir/Patient/a"}}, "a"),
        ({"resourceType": "Condition", "subject": {"reference": "Patient/a/_history/2"}}, "a"),
        ({"resourceType": "Condition", "subject": {"reference": "urn:uuid:a"}}, "a"),
        ({"resourceType": "Condition", "subject": {"reference": "Group/a"}}, ""),
        ({"resourceType": "Condition", "subject": {"display": "somebody"}}, ""),
        ({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/a"}}, "a"),
        (
            {
                "resourceType": "Appointment",
                "participant": [
                    {"actor": {"reference": "Location/1"}},
                    {"actor": {"reference": "Patient/a"}},
                ],
            },
            "a",
        ),
    ],
)
def test_sql_and_python_agree_on_whose_a_line_is(
    resource: dict[str, Any], owner: str, tmp_path: Path
) -> None:
    from service.cohort.grouping import Lines

    assert owner_of(resource) == owner
    path = tmp_path / "lines.ndjson"
    path.write_bytes(orjson.dumps(resource) + b"\n")
    lines = Lines([str(path)], tmp_path / "work.duckdb", threads=1)
    lines.survey(lambda conditions: [True for _ in conditions], ["59847-4"])
    assert lines.counts["of_no_patient"] == (0 if owner else 1)
    assert lines.counts["patients"] == (1 if owner else 0)
    lines.close()


def test_the_same_seed_gives_the_same_hospital(tmp_path: Path) -> None:
    for name in ("a", "b"):
        hospital.write(tmp_path / name, 20, one_in=5, resources=20, seed=7, today=TODAY)
    hospital.write(tmp_path / "c", 20, one_in=5, resources=20, seed=8, today=TODAY)

    def content(name: str) -> dict[str, bytes]:
        return {one.name: one.read_bytes() for one in sorted((tmp_path / name).iterdir())}

    assert content("a") == content("b")
    assert content("a") != content("c")


def test_resources_of_the_hospital_are_valid() -> None:
    from fhir.resources.R4B import get_fhir_model_class

    for _identity, lines in hospital.charts(12, one_in=4, resources=24):
        for kind, line in lines:
            get_fhir_model_class(kind).model_validate_json(line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: there is no such file or folder"),
        ([], "Name files or folders"),
        (["{empty}"], "holds no .ndjson"),
        (["{empty}", "--processes", "0"], "--processes 0"),
        (["{empty}", "--replay", "2026-02-01", "2026-01-01"], "FROM has to be before TO"),
        (["{empty}", "--compare", "nowhere"], "nowhere: there is no such file"),
    ],
)
def test_a_mistake_ends_in_one_message(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    given = [one.format(empty=empty) for one in arguments]
    assert main(["cohort", *given, "--to", str(tmp_path / "out")]) == 3
    assert message in capsys.readouterr().err
