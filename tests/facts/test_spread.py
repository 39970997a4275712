from __future__ import annotations

import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import gather, patient_of
from service.facts.spread import Extent, Spread, newest_metastasis
from service.facts.spread import spread as read_spread
from service.facts.tumour import tumour
from service.fhir import r4
from tests.asking import as_read, knowledge, patient


def spread(record: str) -> Spread:
    return read_spread(patient(record))


@pytest.mark.parametrize(
    ("record", "extent"),
    [
        ("ileal NET", Extent.UNKNOWN),
        ("male", Extent.UNKNOWN),
        ("ileal NET; TNM T3 N0 M0", Extent.LOCALISED),
        ("ileal NET; TNM T3 NX M0", Extent.LOCALISED),
        ("ileal NET; TNM T3 N1 M0", Extent.REGIONAL),
        ("ileal NET; TNM N2", Extent.UNKNOWN),
        ("ileal NET; TNM N1 (preliminary)", Extent.UNKNOWN),
        ("ileal NET; TNM N1 (entered in error)", Extent.UNKNOWN),
        ("ileal NET; TNM N1 M0 100 days ago; TNM N0 M0 10 days ago", Extent.LOCALISED),
        ("ileal NET; TNM N0 M0 100 days ago; TNM N1 M0 10 days ago", Extent.REGIONAL),
        ("ileal NET (staged)", Extent.LOCALISED),
        ("ileal NET (staged with nodes)", Extent.REGIONAL),
        ("ileal NET (staged with nodes); TNM N0", Extent.LOCALISED),
        ("ileal NET; TNM T3 N1 M1", Extent.METASTATIC),
        ("ileal NET; TNM T3 N1; liver metastases", Extent.LIVER_ONLY),
        ("ileal NET; generic regional lymph-node metastasis", Extent.UNKNOWN),
        ("ileal NET; liver metastases", Extent.LIVER_ONLY),
        ("ileal NET; generic liver metastasis", Extent.LIVER_ONLY),
        ("ileal NET; generic liver metastasis (SNOMED)", Extent.LIVER_ONLY),
        ("ileal NET; TNM M1a", Extent.LIVER_ONLY),
        ("ileal NET; liver metastases; generic regional lymph-node metastasis", Extent.LIVER_ONLY),
        ("ileal NET; liver metastases; bone metastases", Extent.LIVER_AND_BEYOND),
        ("ileal NET; liver metastases; generic brain metastasis", Extent.LIVER_AND_BEYOND),
        ("ileal NET; TNM M1c", Extent.LIVER_AND_BEYOND),
        ("ileal NET; liver metastases; TNM M1b", Extent.LIVER_AND_BEYOND),
        ("ileal NET; bone metastases", Extent.BEYOND_LIVER),
        ("ileal NET; peritoneal metastases", Extent.BEYOND_LIVER),
        ("ileal NET; distant lymph-node metastases", Extent.BEYOND_LIVER),
        ("ileal NET; generic lung metastases", Extent.BEYOND_LIVER),
        ("ileal NET; TNM M1b", Extent.BEYOND_LIVER),
        ("ileal NET; liver metastases (refuted)", Extent.UNKNOWN),
        ("ileal NET; liver metastases (resolved)", Extent.UNKNOWN),
        ("ileal NET; liver metastases (entered in error)", Extent.UNKNOWN),
        ("ileal NET; liver metastases; bone metastases (refuted)", Extent.LIVER_ONLY),
        ("ileal NET; secondary Merkel cell carcinoma", Extent.UNKNOWN),
    ],
)
def test_extent(record: str, extent: Extent) -> None:
    assert spread(record).extent is extent


@pytest.mark.parametrize(
    ("stated", "extent"),
    [
        ("pN1", Extent.REGIONAL),
        ("N 1", Extent.REGIONAL),
        ("ypN1b (2 of 14)", Extent.REGIONAL),
        ("metastasis in 1 of 12 lymph nodes of pN0", Extent.LOCALISED),
        ("version 3", Extent.LOCALISED),
        ("N+", Extent.LOCALISED),
    ],
)
def test_only_a_category_of_nodes_is_one(stated: str, extent: Extent) -> None:
    assert spread(f'ileal NET; TNM M0; observation text "N category" value "{stated}"').extent is extent


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("ileal NET; TNM T3 N1 M0 on 2026-10-05", ["N1 on 2026-10-05"]),
        ("ileal NET (staged with nodes)", ["N1 (date unknown)"]),
        ("ileal NET; TNM T3 N0 M0", []),
        ("ileal NET; TNM N1 M1a on 2026-10-05", ["N1 on 2026-10-05", "M1a on 2026-10-05"]),
    ],
)
def test_categories_that_place_disease_are_evidence(record: str, says: list[str]) -> None:
    assert [one.says for one in spread(record).evidence] == says


def test_a_generic_liver_metastasis_beside_another_cancer_is_of_unclear_origin() -> None:
    found = spread("ileal NET; generic liver metastasis; breast cancer")

    assert found.extent is Extent.UNCLEAR_ORIGIN
    assert not found.has_liver_metastases
    assert not found.is_metastatic


@pytest.mark.parametrize(
    "record",
    [
        "ileal NET; generic liver metastasis; breast cancer (refuted)",
        "ileal NET; generic liver metastasis; skin cancer",
        "ileal NET; liver metastases; breast cancer",
        "ileal NET; generic liver metastasis; liver metastases; breast cancer",
    ],
)
def test_a_liver_metastasis_is_the_tumours_where_nothing_else_explains_it(record: str) -> None:
    assert spread(record).is_liver_only


@pytest.mark.parametrize(
    ("record", "category"),
    [
        ("TNM T3 N1 M0", "0"),
        ("TNM M1", "1"),
        ("TNM M1a", "1a"),
        ("TNM T3", ""),
        ("TNM MX", ""),
        ("TNM M1a (preliminary)", ""),
        ("TNM M1a (entered in error)", ""),
        ("TNM M0 100 days ago; TNM M1a 10 days ago", "1a"),
        ("TNM M1a 100 days ago; TNM M0 10 days ago", "0"),
    ],
)
def test_the_newest_delivered_m_category(record: str, category: str) -> None:
    assert spread(f"ileal NET; {record}").m_category == category


def test_m1_without_a_letter_names_no_liver() -> None:
    found = spread("ileal NET; TNM M1")

    assert (found.is_metastatic, found.has_liver_metastases) == (True, False)


@pytest.mark.parametrize(
    ("record", "lesions"),
    [
        ("liver metastases", None),
        ("number of liver metastases 1", 1),
        ("number of liver metastases 0", 0),
        ("number of liver metastases 6 (entered in error)", None),
        ("number of liver metastases 2 90 days ago; number of liver metastases 6 10 days ago", 6),
        ('observation text "Number of hepatic lesions" value "4"', 4),
        ('observation text "Number of hepatic lesions" value "several"', None),
        ('observation text "Number of hepatic lesions" value ">5"', None),
    ],
)
def test_lesions_come_from_a_count_only(record: str, lesions: int | None) -> None:
    assert spread(f"ileal NET; {record}").lesions == lesions


@pytest.mark.parametrize(
    "words", ["Multifocal liver metastases", "Diffuse hepatic disease", "Bilobar liver lesions"]
)
def test_reports_say_that_the_liver_disease_is_multifocal(words: str) -> None:
    found = spread(f'ileal NET; liver metastases; imaging report conclusion "{words}"')

    assert (found.is_multifocal, found.is_solitary) == (True, False)


def test_reports_say_that_the_liver_lesion_is_solitary() -> None:
    found = spread('ileal NET; liver metastases; imaging report conclusion "Solitary liver metastasis"')

    assert (found.is_multifocal, found.is_solitary) == (False, True)


def test_words_about_another_organ_say_nothing_of_the_liver() -> None:
    assert not spread('ileal NET; imaging report conclusion "Multifocal small-bowel primary"').is_multifocal


@pytest.mark.parametrize(
    "last",
    ["bone metastases 30 days ago", "bone metastases 30 days ago; liver metastases (refuted) 10 days ago"],
)
def test_the_newest_metastasis_in_force_dates_the_finding(last: str) -> None:
    newest = newest_metastasis(patient(f"ileal NET; liver metastases 90 days ago; {last}"))

    assert newest is not None
    assert newest.day == "2026-10-25"


@pytest.mark.parametrize("status", ["refuted", "entered in error", "resolved"])
def test_a_metastasis_that_does_not_hold_is_no_finding(status: str) -> None:
    assert newest_metastasis(patient(f"ileal NET; liver metastases ({status}) 10 days ago")) is None


@pytest.mark.parametrize(
    ("record", "t_category", "m_category"),
    [
        ("ileal NET", "", ""),
        ("ileal NET (staged)", "3", "0"),
        ("ileal NET (staged); TNM T2 N1 M1a", "2", "1a"),
        ("ileal NET; TNM T4 N0 M0", "4", "0"),
        ("ileal NET; TNM N1", "", ""),
    ],
)
def test_categories_by_observation_else_by_the_stage(record: str, t_category: str, m_category: str) -> None:
    assert (spread(record).t_category, spread(record).m_category) == (t_category, m_category)


def staged(summary: str) -> Spread:
    found = patient("ileal NET")
    index = tumour(found).index.condition
    index.stage = [r4.ConditionStage(summary=r4.CodeableConcept(text=summary))]
    return read_spread(found)


@pytest.mark.parametrize(
    ("summary", "t_category", "extent", "m_category"),
    [
        ("pT3 N1 M0", "3", Extent.REGIONAL, "0"),
        ("pT3N1M0", "3", Extent.REGIONAL, "0"),
        ("pT1aN1M0", "1a", Extent.REGIONAL, "0"),
        ("pT2N0M0", "2", Extent.LOCALISED, "0"),
        ("cT3cN1cM0", "3", Extent.REGIONAL, "0"),
        ("ypT2 pN1b cM1a", "2", Extent.LIVER_ONLY, "1a"),
        ("TisN1", "is", Extent.UNKNOWN, ""),
        ("pT3 pN1 (2/14) L0 V0", "3", Extent.UNKNOWN, ""),
        ("AJCC stage IV", "", Extent.METASTATIC, ""),
        ("Stadium II", "", Extent.LOCALISED, ""),
        ("Stage IIIB, 1 of 12 nodes", "", Extent.LOCALISED, ""),
    ],
)
def test_stages_are_written_with_and_without_blanks(
    summary: str, t_category: str, extent: Extent, m_category: str
) -> None:
    found = staged(summary)

    assert (found.t_category, found.extent, found.m_category) == (t_category, extent, m_category)


CT, PET = 'CT abdomen conclusion "{}" done', 'DOTATATE PET/CT positive conclusion "{}" done'
_CLEAR = PET.format("No distant avid lesion")


@pytest.mark.parametrize(
    ("reports", "extent"),
    [
        (f"{CT.format('No evidence of metastases')}; {_CLEAR}", Extent.LOCALISED),
        (f"CT abdomen done; {_CLEAR}", Extent.UNKNOWN),
        (CT.format("Multiple bilobar hepatic metastases"), Extent.REPORTED),
        (CT.format("No change in liver metastases"), Extent.REPORTED),
        (f"{CT.format('No new liver metastases')}; {_CLEAR}", Extent.LOCALISED),
        (
            f"{CT.format('Indeterminate 6 mm lesion, metastasis cannot be excluded')}; {_CLEAR}",
            Extent.UNKNOWN,
        ),
        (f"{CT.format('6 mm hepatic lesion')}; {_CLEAR}", Extent.UNKNOWN),
        (PET.format("DOTATATE avid hepatic lesions"), Extent.REPORTED),
        ('pathology report "Liver: metastatic well differentiated neuroendocrine tumour"', Extent.LIVER_ONLY),
        (f"TNM M0; {CT.format('Liver metastases')}", Extent.REPORTED),
        (f"liver metastases; {CT.format('Bone metastases')}", Extent.LIVER_AND_BEYOND),
        (
            'CT abdomen conclusion "Liver metastases" done 50 days ago; '
            'CT abdomen conclusion "No metastases" done 10 days ago',
            Extent.UNKNOWN,
        ),
        (f"breast cancer; {CT.format('Liver metastases')}", Extent.UNKNOWN),
    ],
)
def test_what_reports_say_of_the_extent(reports: str, extent: Extent) -> None:
    assert spread(f"ileal NET; {reports}").extent is extent


@pytest.mark.parametrize(
    ("text", "body_site", "extent"),
    [
        ("Liver metastases", "", Extent.LIVER_ONLY),
        ("Lebermetastasen", "", Extent.LIVER_ONLY),
        ("Metastatic disease", "Liver structure", Extent.LIVER_ONLY),
        ("Metastatic disease", "", Extent.METASTATIC),
        ("No liver metastases", "", Extent.UNKNOWN),
        ("Suspected bone metastases", "", Extent.UNKNOWN),
    ],
)
def test_the_problem_list_in_words(text: str, body_site: str, extent: Extent) -> None:
    site = {"bodySite": [{"text": body_site}]} if body_site else {}
    condition = {"resourceType": "Condition", "id": "words", "code": {"text": text}, **site}
    document = build_request("ileal NET", hook="patient-view", today=TODAY)
    condition["subject"] = {"reference": f"Patient/{document['context']['patientId']}"}
    document["prefetch"]["conditions"]["entry"].append({"resource": condition})
    request = as_read(document)
    found = gather(request, knowledge=knowledge(), whole=True)
    assert read_spread(patient_of(request, found, knowledge(), now=now_on(TODAY))).extent is extent


@pytest.mark.parametrize(
    ("conclusion", "is_of_liver"),
    [
        ("No hepatic metastases, but bone metastases in L3", False),
        ("Keine Lebermetastasen, aber Knochenmetastasen", False),
        ("No bone metastases but multiple liver metastases", True),
        ("In the liver no change, but new metastases", True),
        ("No metastases other than in the liver: multiple hepatic metastases", True),
    ],
)
def test_a_denied_site_in_the_same_sentence_is_none(conclusion: str, is_of_liver: bool) -> None:
    found = spread(f'ileal NET 60 days ago; CT abdomen conclusion "{conclusion}" done 20 days ago')

    assert found.extent is Extent.REPORTED
    assert found.has_reported_liver_metastases is is_of_liver
