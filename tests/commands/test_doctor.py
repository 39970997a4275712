from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from fhir_fixtures.vocabulary import build_bundle
from service.__main__ import main
from service.charts import Chart, read_chart
from service.commands import exits
from service.commands.fhir_server import Level, Reply, check_answer
from service.fhir.whose import names_of
from service.rules import RULES
from service.translations import load_translations
from tests.asking import CARDS, knowledge
from tests.certificates import of_private_authority, server_side
from tests.commands.servers import Answer, Say, capabilities, fhir_answers, server

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
PHRASES = "ileal NET; liver metastases; carcinoid syndrome; Ki-67 12 %; TACE booked in 5 days"


@pytest.fixture
def chart(tmp_path: Path) -> Chart:
    return chart_of(tmp_path, PHRASES)


def chart_of(tmp_path: Path, phrases: str) -> Chart:
    path = tmp_path / "chart.json"
    path.write_bytes(orjson.dumps(build_bundle(phrases)))
    return read_chart(str(path))


def examine(capsys: pytest.CaptureFixture[str], say: Say, *arguments: str, **options: str) -> tuple[int, Any]:
    with server(say, **options) as url:
        code = main(["doctor", url, "--json", *arguments])
    return code, orjson.loads(capsys.readouterr().out)


def said(report: Any, level: str) -> str:
    return "\n".join(f"{one['where']}: {one['says']}" for one in report["findings"] if one["level"] == level)


def changed(say: Say, start: str, change: Any) -> Say:
    """The same server, with another answer where the path begins with ``start``."""

    def other(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        status, document = say(method, path, body, headers)
        return change(status, document) if path.startswith(start) else (status, document)

    return other


def test_a_good_server_is_ready(capsys: pytest.CaptureFixture[str], chart: Chart) -> None:
    code, report = examine(capsys, fhir_answers(chart))

    assert code == exits.DONE, report["findings"]
    assert report["status"] == "ready"
    assert {one["can"] for one in report["rules"]} == {"yes"}
    assert {one["state"] for one in report["sections"].values()} == {"known"}
    assert {"of": "Ki-67", "unit": "%", "comparable": True, "count": 1} in report["units"]
    assert "net-malignant-icd10cm" in {one["list"] for one in report["codes"]}


def test_a_server_of_a_private_authority_is_asked_once_the_authority_is_named(
    capsys: pytest.CaptureFixture[str], chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, served = of_private_authority(tmp_path)
    with server(fhir_answers(chart), encryption=server_side(served)) as url:
        assert main(["doctor", url]) == exits.UNUSABLE
        assert "the certificate or the encryption of the server was refused" in capsys.readouterr().err
        monkeypatch.setenv("NET_CDS_CA_FILE", str(trusted))
        assert main(["doctor", url]) == exits.DONE


def test_a_server_that_refuses_a_type_is_ready_with_limits(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    code, report = examine(capsys, fhir_answers(chart, refuse=frozenset({"Procedure", "Observation"})))

    assert code == exits.FINDINGS
    assert "procedures: HTTP status 403 (forbidden)" in said(report, "limit")
    limited = {one["rule"]: one for one in report["rules"] if one["can"] != "yes"}
    assert "observations: the FHIR server does not permit reading this" in limited["ki67"]["because"]


def test_a_server_that_refuses_conditions_is_not_ready(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    code, report = examine(
        capsys, fhir_answers(chart, refuse=frozenset({"Condition"})), "--patient", "patient-1"
    )

    assert code == exits.NOT_READY
    assert {one["can"] for one in report["rules"]} == {"no"}


@pytest.mark.parametrize(
    ("version", "code"),
    [("4.0.0", exits.DONE), ("4.3.0", exits.FINDINGS), ("5.0.0", exits.NOT_READY), ("", exits.NOT_READY)],
)
def test_the_version_of_fhir_has_to_be_r4(
    capsys: pytest.CaptureFixture[str], chart: Chart, version: str, code: int
) -> None:
    assert examine(capsys, fhir_answers(chart, version=version))[0] == code


def test_a_type_that_is_not_offered_is_a_limit(capsys: pytest.CaptureFixture[str], chart: Chart) -> None:
    code, report = examine(capsys, fhir_answers(chart, without="Flag"))

    assert code == exits.FINDINGS
    assert "flags: its resource type is not in the CapabilityStatement" in said(report, "limit")


def test_a_cause_that_many_types_share_is_printed_once(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    def without_types(method: str, path: str, *rest: Any) -> Any:
        if path.endswith("/metadata"):
            return 200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": []}
        return fhir_answers(chart)(method, path, *rest)

    with server(without_types) as url:
        main(["doctor", url, "--patient", "patient-1"])
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("CapabilityStatement") == 1


def test_an_answer_that_the_service_would_refuse_is_named_with_its_place(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    def twice(status: int, document: Any) -> Answer:
        return status, orjson.dumps(document).replace(b'"total"', b'"total":0,"total"')

    code, report = examine(capsys, changed(fhir_answers(chart), "/Flag", twice))

    assert code == exits.FINDINGS
    assert "flags: the body: $.total has to be there only once" in said(report, "limit")
    assert report["sections"]["flags"]["state"] == "unknown"


def test_a_server_that_mixes_patients_is_not_ready(capsys: pytest.CaptureFixture[str], chart: Chart) -> None:
    def mix(status: int, document: Any) -> Answer:
        stranger = {"resourceType": "Condition", "id": "x", "subject": {"reference": "Patient/other"}}
        document["entry"].append({"resource": stranger, "search": {"mode": "match"}})
        return status, document

    code, report = examine(capsys, changed(fhir_answers(chart), "/Condition?patient", mix))

    assert code == exits.NOT_READY
    assert "another patient" in said(report, "fault")


def test_a_search_that_ignores_codes_and_order_is_found_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chart = chart_of(tmp_path, f"{PHRASES}; Ki-67 5 % 300 days ago")
    other = {**chart.of("Observation")[0], "id": "weight", "code": {"text": "Weight"}}

    def ignore(status: int, document: Any) -> Answer:
        entries = [{"resource": one} for one in (*reversed(chart.of("Observation")), other)]
        entries.sort(key=lambda entry: entry["resource"]["effectiveDateTime"])
        return status, {"resourceType": "Bundle", "type": "searchset", "entry": entries}

    _, report = examine(capsys, changed(fhir_answers(chart), "/Observation", ignore))

    assert "1 results have none of the codes" in said(report, "limit")
    assert "_sort=-date is ignored" in said(report, "limit")


def test_local_codes_that_look_like_a_result_are_named(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    local = {
        **chart.of("Observation")[0],
        "id": "local",
        "code": {"coding": [{"system": "urn:lab", "code": "K67"}], "text": "Ki-67 index of Mrs Secret"},
    }
    extended = Chart(chart.patient_id, (*chart.resources, local))

    code, report = examine(capsys, fhir_answers(extended))

    assert code == exits.FINDINGS
    assert "urn:lab|K67" in said(report, "limit")
    assert "Secret" not in str(report)


def test_units_that_cannot_be_compared_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    chart = chart_of(tmp_path, PHRASES)
    odd = {**chart.of("Observation")[0], "valueQuantity": {"value": 12, "unit": "cells"}}
    others = tuple(one for one in chart.resources if one["resourceType"] != "Observation")

    code, report = examine(capsys, fhir_answers(Chart(chart.patient_id, (*others, odd))))

    assert code == exits.FINDINGS
    assert "1 values of Ki-67 in cells cannot be compared" in said(report, "limit")


def test_hidden_statuses_are_found_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    chart = chart_of(tmp_path, f"{PHRASES}; DOTATATE PET/CT ordered")

    def hide(status: int, document: Any) -> Answer:
        return status, {"resourceType": "Bundle", "type": "searchset"}

    _, report = examine(
        capsys, changed(fhir_answers(chart), "/ServiceRequest?patient=patient-1&_count", hide)
    )

    assert "serviceRequests: 1 resources are found only with status=" in said(report, "limit")


def test_a_page_without_a_next_is_a_fault(capsys: pytest.CaptureFixture[str], chart: Chart) -> None:
    def cut(status: int, document: Any) -> Answer:
        return status, {name: value for name, value in document.items() if name != "link"}

    code, report = examine(capsys, changed(fhir_answers(chart), "/Condition?patient=patient-1&_count=1", cut))

    assert code == exits.NOT_READY
    assert "no link to the next page" in said(report, "fault")


def test_resources_that_break_r4_are_counted_by_element(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    broken = {**chart.of("Condition")[0], "id": "broken", "code": "Secret"}

    _, report = examine(capsys, fhir_answers(Chart(chart.patient_id, (*chart.resources, broken))))

    assert "1 resources are not valid FHIR R4 at code" in said(report, "limit")
    assert "Secret" not in str(report)


def test_a_server_without_patients_is_not_ready(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = examine(capsys, fhir_answers(Chart("nobody", ())))

    assert code == exits.NOT_READY
    assert "no patient could be found" in said(report, "fault")


def test_a_server_that_wants_a_token_is_not_called_empty(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    _, report = examine(capsys, fhir_answers(chart, refuse=frozenset({"Patient", "Condition"})))

    assert "HTTP status 403" in said(report, "fault")
    assert "no access token was sent" in said(report, "note")


def test_only_the_rules_of_a_hook_are_listed(capsys: pytest.CaptureFixture[str], chart: Chart) -> None:
    _, report = examine(capsys, fhir_answers(chart), "--hook", "encounter-start")

    assert {one["rule"] for one in report["rules"]} == {
        rule.id for rule in RULES if "encounter-start" in rule.hooks
    }


def test_what_is_still_english_is_counted_for_each_language(
    capsys: pytest.CaptureFixture[str], chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = tmp_path / "cards"
    shutil.copytree(CARDS, cards)
    (cards / "translations" / "de" / "tnm.md").unlink()
    monkeypatch.setenv("CARDS_DIR", str(cards))

    _, report = examine(capsys, fhir_answers(chart))

    missing = load_translations(cards, knowledge())["de"].missing
    assert "tnm.md, title" in missing
    assert f"language: de: {len(missing)} texts are still English" in said(report, "note")


def test_the_report_can_be_read_and_names_no_patient(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    with server(fhir_answers(chart)) as url:
        assert main(["doctor", url]) == exits.DONE
    printed = capsys.readouterr().out

    assert "The FHIR server is ready." in printed
    for secret in ("patient-1", "1964-03-12", "net-1"):
        assert secret not in printed


def test_the_token_goes_to_this_server_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, chart: Chart
) -> None:
    seen: list[str | None] = []
    elsewhere: list[str | None] = []
    good = fhir_answers(chart)

    def stranger(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        elsewhere.append(headers.get("authorization"))
        return 200, {}

    monkeypatch.setenv("FHIR_TOKEN", "secret-token")
    with server(stranger) as other:

        def say(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
            seen.append(headers.get("authorization"))
            status, document = good(method, path, body, headers)
            if path.startswith("/Flag"):
                document["link"] = [{"relation": "next", "url": f"{other}/Flag?page=2"}]
            return status, document

        code, report = examine(capsys, say, "--token-env", "FHIR_TOKEN")

    assert set(seen) == {"Bearer secret-token"}
    assert elsewhere == []
    assert code == exits.FINDINGS
    assert "flags: not all pages could be read" in said(report, "limit")
    assert "secret-token" not in str(report)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://127.0.0.1:1"], "could not be reached"),
        (["http://127.0.0.1:1?x=1"], "'http://127.0.0.1:1?x=1' is not a plain http or https URL"),
        (["http://"], "not an http or https URL with a host: 'http://'"),
        (["http://127.0.0.1:1", "--patient", "a&b"], "--patient"),
        (["http://127.0.0.1:1", "--token-env", "NO_SUCH_TOKEN"], "NO_SUCH_TOKEN"),
    ],
)
def test_what_cannot_be_examined_is_one_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["doctor", *arguments]) == exits.UNUSABLE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(failure="the connection failed"), "the connection failed"),
        (Reply(200, "text/html", {"resourceType": "Bundle"}), "text/html"),
        (Reply(200, "application/fhir+json", fault="the body: $ is odd"), "the body: $ is odd"),
        (Reply(200, "application/fhir+json", {"resourceType": "List"}), "no searchset Bundle"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_finding(reply: Reply, says: str) -> None:
    found = list(
        check_answer(
            "flags", reply, names=names_of("p", None), codes=knowledge().terminology.observation_codes()
        )
    )

    assert [says in one.says for one in found] == [True]
    assert found[0].level > Level.NOTE


def test_resources_that_cannot_be_used_are_counted_and_not_named(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    odd = {**chart.of("Condition")[0], "id": "secret-id", "modifierExtension": [{"url": "urn:x"}]}

    code, report = examine(capsys, fhir_answers(Chart(chart.patient_id, (*chart.resources, odd))))

    assert code == exits.FINDINGS
    assert "conditions: 1 times: Condition carries a modifier" in said(report, "limit")
    assert report["sections"]["conditions"]["state"] == "partial"
    assert report["sections"]["conditions"]["count"] == {
        "used": 3,
        "something_else": 0,
        "another_patients": 0,
        "unreadable": 1,
    }
    assert "secret-id" not in str(report)


def test_the_sections_show_how_their_entries_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, chart: Chart
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    with server(fhir_answers(chart)) as url:
        assert main(["doctor", url]) == exits.DONE

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["conditions", "known", "3", "0", "0", "0"] in lines


def _with(chart: Chart, *resources: dict[str, Any]) -> Chart:
    others = [one for one in chart.resources if one["resourceType"] not in ("Condition", "Observation")]
    owned = [{"subject": {"reference": f"Patient/{chart.patient_id}"}, **one} for one in resources]
    return Chart(chart.patient_id, (*others, *owned))


def _condition(system: str, code: str, **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "code": {"coding": [{"system": system, "code": code}]},
        **members,
    }


_HISTOLOGY = "mii-ex-onko-histology-morphology-behavior-icdo3"
_GERMAN = _condition(
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "C17.2",
    extension=[
        {
            "url": f"https://www.medizininformatik-initiative.de/fhir/{_HISTOLOGY}",
            "valueCodeableConcept": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/icd-o-3", "code": "8240/3"}]
            },
        }
    ],
)
_FRENCH = _condition(
    "https://smt.esante.gouv.fr/terminologie-cim-10",
    "C17.2",
    note=[{"text": "carcinoid, 8240/3"}],
    stage=[{"type": {"coding": [{"code": "C7A.012"}]}}],
)
_AMERICAN = _condition("http://hl7.org/fhir/sid/icd-10", "C7A.012")


@pytest.mark.parametrize(
    ("condition", "level", "says"),
    [
        (_GERMAN, "note", "read as a neuroendocrine tumour from Condition: a histology"),
        (_FRENCH, "limit", "1 Condition look like a neuroendocrine tumour in note.text"),
        (_FRENCH, "limit", "1 Condition look like a neuroendocrine tumour in stage.type.coding.code"),
        (_AMERICAN, "limit", "1 Condition look like a neuroendocrine tumour in code.coding.code"),
    ],
)
def test_nothing_that_names_the_tumour_goes_unmentioned(
    capsys: pytest.CaptureFixture[str], chart: Chart, condition: dict[str, Any], level: str, says: str
) -> None:
    _, report = examine(capsys, fhir_answers(_with(chart, condition)), "--patient", chart.patient_id)

    assert says in said(report, level)


def test_the_rows_that_are_proposed_make_the_results_readable(
    capsys: pytest.CaptureFixture[str], chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"code": {"coding": [{"system": "urn:lab", "code": "K67", "display": "Ki-67 index"}]}}
    local = {**chart.of("Observation")[0], "id": "local", **own}
    others = [one for one in chart.resources if one["resourceType"] != "Observation"]
    own_codes = Chart(chart.patient_id, (*others, local))
    written = tmp_path / "own.csv"

    _, before = examine(capsys, fhir_answers(own_codes), "--propose-map", str(written))
    monkeypatch.setenv("NET_CDS_CODE_MAP", str(written))
    _, after = examine(capsys, fhir_answers(own_codes))

    assert written.read_text(encoding="utf-8").splitlines() == [
        "local_system,local_code,system,code,words,times",
        "urn:lab,K67,http://loinc.org,29593-1,Ki-67 index,1",
    ]
    assert [one["local_code"] for one in before["proposed"]] == ["K67"]
    assert {one["code"] for one in after["codes"]} >= {"K67"}
    assert after["proposed"] == []
    assert "look like Ki-67" not in str(after)


def test_a_map_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str], chart: Chart) -> None:
    with server(fhir_answers(chart)) as url:
        assert main(["doctor", url, "--propose-map", "/nowhere/own.csv"]) == exits.UNUSABLE

    assert "--propose-map /nowhere/own.csv: cannot be written" in capsys.readouterr().err


def test_what_the_site_keeps_back_is_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chart: Chart
) -> None:
    path = tmp_path / "net-cds.toml"
    path.write_text('[site.rules.hiaa]\nstate = "off"\nreason = "sent elsewhere"\n', encoding="utf-8")
    monkeypatch.setenv("NET_CDS_CONFIG", str(path))

    _, report = examine(capsys, fhir_answers(chart))

    assert "site: hiaa: switched off by this site (sent elsewhere)" in said(report, "note")


def test_a_patient_who_is_not_there_is_not_a_server_that_is_ready(
    capsys: pytest.CaptureFixture[str], chart: Chart
) -> None:
    code, report = examine(capsys, fhir_answers(chart), "--patient", "Patient/nobody")
    assert code == exits.NOT_READY
    assert "patient: the patient was not found on this server" in said(report, "fault")
    assert "patient" not in said(report, "limit")


def test_a_patient_without_a_tumour_leaves_untested_what_a_chart_of_one_holds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bundle = CHECKOUT / "fhir_fixtures" / "bundles" / "no-net-healthy.json"
    healthy = read_chart(str(bundle))
    code, report = examine(capsys, fhir_answers(healthy), "--patient", f"Patient/{healthy.patient_id}")
    assert code == exits.FINDINGS
    assert "no code of a neuroendocrine tumour was seen" in said(report, "limit")


def test_the_verdict_comes_first_and_each_cause_once(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(method: str, path: str, body: bytes, headers: Any) -> Any:
        return (200, capabilities()) if "metadata" in path else (401, {"resourceType": "OperationOutcome"})

    with server(refuse, media_type="application/fhir+json") as url:
        assert main(["doctor", f"{url}/fhir", "--patient", "patient-1"]) == exits.NOT_READY
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "The FHIR server is not ready."
    assert lines[1].startswith("findings: ")
    assert "--token-env" in " ".join(lines)
    assert len(lines) < 100
