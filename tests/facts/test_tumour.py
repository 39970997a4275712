from __future__ import annotations

import pytest

from fhir_fixtures.vocabulary import TODAY, build_request, now_on
from service.engine import gather, patient_of
from service.facts.tumour import Certainty, Differentiation, Tumour
from service.facts.tumour import tumour as read_tumour
from service.fhir.code_systems import ICD10CM
from tests.asking import as_read, knowledge, patient, result


def tumour(record: str) -> Tumour:
    return read_tumour(patient(record))


@pytest.mark.parametrize(
    "record",
    [
        "ileal NET",
        "ileal NET (SNOMED)",
        "ileal NET (no verification status)",
        "ileal NET (no clinical status)",
        "ileal NET (encounter diagnosis)",
        "ileal NET (recurrence)",
        "ileal NET (relapse)",
        "benign rectal NET",
        "benign rectal NET (SNOMED)",
        "NET morphology 8240/3 of the ileum",
        "NEC of the pancreas",
        "liver metastases",
        "unknown-primary NET",
    ],
)
def test_an_active_tumour_is_confirmed(record: str) -> None:
    assert tumour(record).certainty is Certainty.CONFIRMED


@pytest.mark.parametrize("status", ["suspected", "unconfirmed", "differential"])
def test_an_unsure_tumour_is_suspected(status: str) -> None:
    found = tumour(f"ileal NET ({status})")

    assert (found.is_present, found.is_confirmed) == (True, False)


@pytest.mark.parametrize("status", ["refuted", "entered in error", "inactive", "remission", "resolved"])
def test_a_tumour_that_does_not_hold_is_none(status: str) -> None:
    assert tumour(f"ileal NET ({status})").certainty is Certainty.NONE


@pytest.mark.parametrize(
    "record",
    [
        "history of small-bowel NET",
        "history of benign NET",
        "Merkel cell carcinoma",
        "secondary Merkel cell carcinoma",
        "paraganglioma",
        "neoplasm of uncertain behaviour",
        "breast cancer",
        "generic liver metastasis",
        'condition text "family history of carcinoid"',
        'condition text "rule out neuroendocrine tumour"',
        'condition text "Merkel cell neuroendocrine carcinoma"',
        "NET morphology 8041/3",
        "breast cancer; ileal NET (of another patient)",
        "carcinoid syndrome",
        "male",
    ],
)
def test_what_is_no_tumour_of_this_patient_is_none(record: str) -> None:
    assert tumour(record).certainty is Certainty.NONE


@pytest.mark.parametrize(
    ("name", "certainty"),
    [
        ("ileal carcinoid", Certainty.CONFIRMED),
        ("neuroendocrine tumour of the pancreas", Certainty.CONFIRMED),
        ("Neuroendocrine tumor", Certainty.CONFIRMED),
        ("Neuroendocrine tumor of ileum (not seen on MRI)", Certainty.CONFIRMED),
        ("Neuroendocrine tumour of ileum, no family history of MEN1", Certainty.CONFIRMED),
        ("Carcinoid tumour with carcinoid syndrome", Certainty.CONFIRMED),
        ("NET of the ileum, G1", Certainty.CONFIRMED),
        ("Neuroendokriner Tumor des Ileums", Certainty.CONFIRMED),
        ("Tumeur neuroendocrine de l’iléon, grade 2", Certainty.CONFIRMED),
        ("Tumor neuroendocrino bien diferenciado de íleon", Certainty.CONFIRMED),
        ("Suspected carcinoid", Certainty.SUSPECTED),
        ("Carcinoid?", Certainty.SUSPECTED),
        ("V.a. Karzinoid", Certainty.SUSPECTED),
        ("Hx of neuroendocrine tumor of ileum s/p resection 2019", Certainty.NONE),
        ("Previous carcinoid, excised 2011", Certainty.NONE),
        ("Carcinoid, ruled out", Certainty.NONE),
        ("Flushing - no carcinoid", Certainty.NONE),
        ("carcinoid workup negative", Certainty.NONE),
        ("Niece with carcinoid", Certainty.NONE),
        ("internet use (NET addiction)", Certainty.NONE),
        ("Kein Anhalt für neuroendokrinen Tumor", Certainty.NONE),
        ("Neuroendocrine carcinoma of the prostate", Certainty.NONE),
        ("Neuroendocrine tumor of the skin", Certainty.NONE),
        ("Neuroendokrines Karzinom der Schilddrüse", Certainty.NONE),
        ("Carcinoma neuroendocrino de piel", Certainty.NONE),
        ("Carcinoid of ovary", Certainty.NONE),
        ("Neuroendocrine tumour of ileum, history of carcinoma of the breast", Certainty.CONFIRMED),
        ("Neuroendocrine tumour of ileum, carcinoma of the breast", Certainty.CONFIRMED),
        ("Neuroendocrine tumour. History of carcinoma of the breast", Certainty.CONFIRMED),
        ("Neuroendocrine tumour metastatic to the breast", Certainty.CONFIRMED),
        ("Carcinoid tumour with skin flushing", Certainty.CONFIRMED),
    ],
)
def test_a_tumour_named_in_words_is_as_sure_as_they_are(name: str, certainty: Certainty) -> None:
    assert tumour(f'condition text "{name}"').certainty is certainty


def test_a_tumour_in_words_says_so() -> None:
    [evidence] = tumour('condition text "ileal carcinoid"').evidence

    assert evidence.says.endswith(", named in words, not coded")


def test_an_unconfirmed_tumour_in_words_is_suspected() -> None:
    assert tumour('condition text "ileal carcinoid" (suspected)').certainty is Certainty.SUSPECTED


@pytest.mark.parametrize("code", ["C73", "C61", "R23.2", "Z80.0"])
def test_the_code_of_another_organ_of_a_symptom_or_of_a_contact_is_no_tumour(code: str) -> None:
    resource = build_request(
        'condition text "Neuroendocrine carcinoma" 10 days ago', hook="patient-view", today=TODAY
    )
    [entry] = resource["prefetch"]["conditions"]["entry"]
    entry["resource"]["code"]["coding"] = [{"system": ICD10CM, "code": code}]
    request = as_read(resource)
    record = gather(request, knowledge=knowledge(), whole=True)

    assert not read_tumour(patient_of(request, record, knowledge(), now=now_on(TODAY))).is_present


@pytest.mark.parametrize(
    ("certainty", "expected"),
    [
        ("A", Certainty.NONE),
        ("Z", Certainty.NONE),
        ("V", Certainty.SUSPECTED),
        ("G", Certainty.CONFIRMED),
    ],
)
def test_the_certainty_of_a_german_code_counts(certainty: str, expected: Certainty) -> None:
    record = f'code C17.2 of ICD-10-GM text "Neuroendokriner Tumor des Ileums" with certainty {certainty}'

    assert tumour(record).certainty is expected


def test_none_says_why() -> None:
    assert tumour("male").why_none == "no-tumour"
    assert tumour("ileal NET (refuted)").why_none == "tumour-dismissed"
    assert tumour("NET morphology 8041/3").why_none == "tumour-not-covered"


@pytest.mark.parametrize(
    ("record", "site", "region"),
    [
        ("pancreatic NET", "pancreas", "pancreas"),
        ("jejunal NET", "jejunum", "midgut"),
        ("ileal NET", "ileum", "midgut"),
        ("appendiceal NET", "appendix", "midgut"),
        ("caecal NET", "caecum", "midgut"),
        ("gastric NET", "stomach", "foregut"),
        ("duodenal NET", "duodenum", "foregut"),
        ("rectal NET", "rectum", "hindgut"),
        ("lung NET", "lung", "thoracic"),
        ("thymic NET", "thymus", "thoracic"),
        ("renal NET", "kidney", "other"),
        ("unknown-primary NET", "unknown", "unknown"),
        ("unspecified NET", "unknown", "unknown"),
        ("liver metastases", "unknown", "unknown"),
        ("NEC of the pancreas", "pancreas", "pancreas"),
        ("NET morphology 8240/3 of the ileum", "ileum", "midgut"),
        ('condition text "ileal carcinoid"', "ileum", "midgut"),
        ('condition text "Carcinoïd van de alvleesklier"', "pancreas", "pancreas"),
        ('condition text "Carcinoïd van de endeldarm"', "rectum", "hindgut"),
        ('condition text "Karzinoid der Bauchspeicheldrüse"', "pancreas", "pancreas"),
        ('condition text "Karzinoid des Wurmfortsatzes"', "appendix", "midgut"),
        ('condition text "Carcinoide dell\'ileo"', "ileum", "midgut"),
        ('condition text "Carcinoide de recto"', "rectum", "hindgut"),
        ('condition text "Glucagonom"', "pancreas", "pancreas"),
        ('condition text "Gastrinoom"', "duodenum or pancreas", "foregut"),
    ],
)
def test_site_and_region(record: str, site: str, region: str) -> None:
    found = tumour(record)

    assert (found.site, found.region) == (site, region)


@pytest.mark.parametrize(
    ("record", "applies"),
    [
        ("ileal NET", True),
        ("unknown-primary NET", True),
        ("lung NET", False),
        ("thymic NET", False),
        ("renal NET", False),
    ],
)
def test_the_gastroenteropancreatic_algorithm_applies_by_site(record: str, applies: bool) -> None:
    assert tumour(record).is_gastroenteropancreatic is applies


@pytest.mark.parametrize(
    ("record", "differentiation"),
    [
        ("pancreatic NET", Differentiation.UNKNOWN),
        ("ileal NET", Differentiation.WELL),
        ("NEC of the rectum", Differentiation.POOR),
        ("NEC of the rectum (SNOMED)", Differentiation.POOR),
        ("neuroendocrine carcinoma of the rectum", Differentiation.AMBIGUOUS),
        ("NET morphology 8240/3 of the ileum", Differentiation.WELL),
        ("NET morphology 8041/3 of the rectum", Differentiation.POOR),
        ("NET morphology 8013/3 of the rectum", Differentiation.POOR),
        ("NET morphology 8246/3 of the rectum", Differentiation.AMBIGUOUS),
        ("NET morphology 8244/3 of the rectum", Differentiation.MIXED),
        ("pancreatic NET; pathology morphology 8013/3", Differentiation.POOR),
        ("ileal NET; pathology morphology 8246/3", Differentiation.AMBIGUOUS),
        (
            "pancreatic NET; pathology morphology 8240/3; pathology morphology 8013/3",
            Differentiation.AMBIGUOUS,
        ),
        ("pancreatic NET; pathology morphology 8013/3 (entered in error)", Differentiation.UNKNOWN),
        ("ileal NET; NEC of the ileum", Differentiation.AMBIGUOUS),
        ('pancreatic NET with note "moderately differentiated"', Differentiation.WELL),
        ('pancreatic NET with note "poorly-differentiated"', Differentiation.POOR),
    ],
)
def test_differentiation_in_the_order_of_trust(record: str, differentiation: Differentiation) -> None:
    assert tumour(record).differentiation is differentiation


def test_small_cell_carcinoma_is_out_of_scope_in_the_lung_and_poorly_differentiated_in_the_gut() -> None:
    assert tumour("NET morphology 8041/3 of the lung").certainty is Certainty.NONE
    assert tumour("NET morphology 8041/3 of the pancreas").is_poorly_differentiated


def test_the_later_of_confirmed_and_refuted_wins() -> None:
    assert not tumour("ileal NET 60 days ago; ileal NET (refuted) 10 days ago").is_present
    assert tumour("ileal NET (refuted) 60 days ago; ileal NET 10 days ago").is_confirmed


def test_confirmed_and_refuted_on_one_day_is_suspected() -> None:
    assert tumour("ileal NET 60 days ago; ileal NET (refuted) 60 days ago").certainty is Certainty.SUSPECTED


def test_a_refuted_entry_of_another_code_changes_nothing() -> None:
    assert tumour("ileal NET 60 days ago; pancreatic NET (refuted) 10 days ago").is_confirmed


def test_two_primary_sites_are_several_primaries() -> None:
    found = tumour("ileal NET 60 days ago; pancreatic NET 50 days ago")

    assert found.has_several_primaries
    assert found.site == "pancreas"
    assert found.sites == ("ileum", "pancreas")


@pytest.mark.parametrize(
    "record",
    ["ileal NET; small-bowel NET", "ileal NET; unknown-primary NET", "ileal NET; ileal NET (SNOMED)"],
)
def test_a_broader_name_for_the_same_tumour_is_one_primary(record: str) -> None:
    found = tumour(record)

    assert not found.has_several_primaries
    assert found.site == "ileum"


def test_a_confirmed_tumour_comes_before_a_later_suspected_one() -> None:
    assert tumour("ileal NET 60 days ago; pancreatic NET (suspected) 10 days ago").site == "ileum"


@pytest.mark.parametrize(
    ("record", "is_benign"),
    [("benign rectal NET", True), ("rectal NET", False), ("benign rectal NET; rectal NET", False)],
)
def test_benign_only_where_every_code_is(record: str, is_benign: bool) -> None:
    assert tumour(record).is_benign is is_benign


@pytest.mark.parametrize(
    ("record", "is_there"),
    [
        ("ileal NET; breast cancer", True),
        ("ileal NET; colon cancer", True),
        ("ileal NET; skin cancer", False),
        ("ileal NET; breast cancer (resolved)", False),
        ("ileal NET; breast cancer (refuted)", False),
        ("ileal NET; pancreatic NET", False),
        ("ileal NET; liver metastases", False),
    ],
)
def test_another_active_cancer(record: str, is_there: bool) -> None:
    assert tumour(record).other_malignancy is is_there


def test_the_evidence_is_each_condition_with_code_and_date() -> None:
    found = tumour("ileal NET 60 days ago").evidence

    assert [(one.reference, one.says) for one in found] == [
        ("Condition/net-1", "Malignant carcinoid tumor of the ileum (C7A.012), on 2026-09-25")
    ]


def test_the_tumour_dates_from_its_first_record() -> None:
    since = tumour("ileal NET 60 days ago; ileal NET (SNOMED) 200 days ago").since

    assert since is not None
    assert since.day == "2026-05-08"


@pytest.mark.parametrize(
    ("record", "site"),
    [
        ("insulinoma", "pancreas"),
        ("malignant insulinoma", "pancreas"),
        ("glucagonoma", "pancreas"),
        ("VIPoma", "pancreas"),
        ("gastrinoma", "duodenum or pancreas"),
        ("NET morphology 8151/3", "pancreas"),
        ("NET morphology 8153/3 of the duodenum", "duodenum or pancreas"),
    ],
)
def test_a_tumour_named_by_its_hormone_is_a_neuroendocrine_tumour(record: str, site: str) -> None:
    found = tumour(record)

    assert found.is_confirmed
    assert found.site == site


def test_a_tumour_named_by_its_hormone_in_words_is_a_tumour() -> None:
    found = tumour('condition text "Insulinoma of the tail"')

    assert (found.certainty, found.site) == (Certainty.CONFIRMED, "pancreas")


@pytest.mark.parametrize("record", ["insulinoma (refuted)", "insulinoma (resolved)", "carcinoid syndrome"])
def test_no_tumour_is_read_from(record: str) -> None:
    assert not tumour(record).is_present


def test_a_gastrinoma_may_be_the_pancreatic_tumour_on_record() -> None:
    assert not tumour("pancreatic NET; gastrinoma").has_several_primaries


def test_a_metastasis_does_not_make_a_benign_code_malignant() -> None:
    assert tumour("benign rectal NET; liver metastases").is_benign


def test_a_metastasis_alone_is_not_benign() -> None:
    assert not tumour("liver metastases").is_benign


HISTOLOGY_ELSEWHERE = "code C17.2 of ICD-10-GM with histology 8240/3 in "


@pytest.mark.parametrize(
    "place",
    ["the mCODE extension", "the MII extension", "its stage", "its evidence", "a result", "a linked result"],
)
def test_a_histology_names_the_tumour_wherever_it_stands(place: str) -> None:
    found = tumour(f"{HISTOLOGY_ELSEWHERE}{place}")

    assert found.is_confirmed
    assert (found.site, found.region, found.differentiation) == ("ileum", "midgut", Differentiation.WELL)
    assert not found.other_malignancy


_IN_WORDS = 'code {code} of ICD-10-GM with histology "{words}" in {place}'


@pytest.mark.parametrize("place", ["its stage", "its evidence", "a result", "a linked result"])
def test_a_histology_in_words_names_the_tumour_of_the_organ_beside_it(place: str) -> None:
    found = tumour(
        _IN_WORDS.format(code="C17.2", words="Well differentiated neuroendocrine tumor", place=place)
    )

    assert (found.certainty, found.site) == (Certainty.CONFIRMED, "ileum")
    assert "named in words, not coded" in found.evidence[0].says


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("C17.2", "Adenocarcinoma with neuroendocrine features"),
        ("C17.2", "No neuroendocrine tumor"),
        ("C17.2", "Suspected neuroendocrine tumor"),
        ("C61", "Neuroendocrine carcinoma"),
        ("C56", "Neuroendocrine carcinoma"),
        ("Z00.0", "Neuroendocrine tumor"),
    ],
)
def test_a_result_in_words_is_no_tumour_of_another_kind_of_another_organ_or_of_none(
    code: str, words: str
) -> None:
    assert not tumour(_IN_WORDS.format(code=code, words=words, place="a result")).is_present


def test_a_histology_that_is_a_condition_of_its_own_has_the_organ_of_the_other() -> None:
    found = tumour("code C17.2 of ICD-10-NL with histology M8240/3 in another condition")

    assert (found.site, found.sites, found.other_malignancy) == ("ileum", ("ileum",), False)


def test_a_histology_without_an_organ_is_a_tumour_of_unknown_site() -> None:
    found = tumour("code Z00.0 of ICD-10-GM with histology 8240/3 in a result")

    assert found.is_confirmed
    assert not found.has_known_site
    assert [one.reference for one in found.evidence] == ["Observation/histology-1"]


def test_of_several_organs_none_is_chosen() -> None:
    found = tumour("code C17.2 of ICD-10-GM with histology 8240/3 in a result; colon cancer")

    assert found.is_confirmed
    assert found.other_malignancy


def test_a_linked_histology_chooses_among_several_organs() -> None:
    found = tumour("code C17.2 of ICD-10-GM with histology 8240/3 in a linked result; colon cancer")

    assert (found.site, found.other_malignancy) == ("ileum", True)


def test_a_histology_of_a_metastasis_is_no_primary() -> None:
    found = tumour("code C78.7 of ICD-10-GM with histology 8240/3 in the MII extension")

    assert found.is_confirmed
    assert [one.is_metastasis for one in found.primaries] == [True]


def test_a_histology_is_shown_beside_the_organ() -> None:
    found = tumour(f"{HISTOLOGY_ELSEWHERE}a result")

    assert [one.reference for one in found.evidence] == ["Condition/net-1", "Observation/histology-1"]


@pytest.mark.parametrize("record", ["flushing", "breast cancer"])
def test_a_chart_without_a_tumour_is_not_read_further(record: str) -> None:
    found = result(f"{record}; Ki-67 12 %")

    assert found.cards == ()
    assert found.record is not None
    assert "observations" not in found.record.sections


SITE_ALONE = "code C17.2 of ICD-10-GM 60 days ago"


@pytest.mark.parametrize(
    "words",
    [
        "Well differentiated neuroendocrine tumour of the ileum, G1.",
        "Gut differenzierter neuroendokriner Tumor (NET G1)",
        "Tumeur neuroendocrine bien différenciée",
        "Tumor neuroendocrino bien diferenciado, grado 1",
    ],
)
def test_a_report_of_pathology_names_the_cancer_of_an_organ(words: str) -> None:
    found = tumour(f'{SITE_ALONE}; pathology report "{words}" 40 days ago')

    assert found.is_confirmed
    assert (found.site, found.differentiation, found.other_malignancy) == (
        "ileum",
        Differentiation.WELL,
        False,
    )
    assert [one.reference for one in found.evidence] == ["Condition/net-1", "DiagnosticReport/pathology-1"]


@pytest.mark.parametrize(
    ("record", "certainty"),
    [
        ('pathology report "Metastasis of a neuroendocrine tumour in the liver" 40 days ago', "confirmed"),
        ('pathology report "Suspicious for neuroendocrine tumour" 40 days ago', "suspected"),
        ('pathology report "No neuroendocrine tumour" 40 days ago', "none"),
        ('pathology report "Adenocarcinoma with neuroendocrine differentiation" 40 days ago', "none"),
        ('pathology report "Adenocarcinoma. Neuroendocrine tumour of the appendix" 40 days ago', "none"),
        ('pathology report "Lung: neuroendocrine tumour" 40 days ago', "none"),
        ('pathology report "Breast: neuroendocrine tumour" 40 days ago', "none"),
        ('imaging report conclusion "Neuroendocrine tumour of the ileum" 40 days ago', "none"),
        (
            'pathology report "Neuroendocrine tumour" 40 days ago; '
            'pathology report "No neuroendocrine tumour: lymphoma" 10 days ago',
            "none",
        ),
        ('code C25.9 of ICD-10-GM 60 days ago; pathology report "Neuroendocrine tumour" 40 days ago', "none"),
    ],
)
def test_a_report_that_does_not_name_this_cancer_names_none(record: str, certainty: str) -> None:
    assert tumour(f"{SITE_ALONE}; {record}").certainty.value == certainty


def test_a_polyp_is_no_cancer_that_a_report_names() -> None:
    record = 'code K63.5 of ICD-10-GM 60 days ago; pathology report "Neuroendocrine tumour" 40 days ago'

    assert not tumour(record).is_present


def test_the_whole_engine_speaks_where_only_a_report_names_the_tumour() -> None:
    found = result(f'{SITE_ALONE}; pathology report "Neuroendocrine tumour of the ileum" 40 days ago')

    assert "sstr-imaging" in {rule for card in found.cards for rule in card.recommendations}


@pytest.mark.parametrize(
    "words",
    ["MiNEN of colon", "MANEC of appendix", "mixed neuroendocrine-non-neuroendocrine neoplasm of colon"],
)
def test_a_mixed_neoplasm_is_known_by_its_words(words: str) -> None:
    assert (
        read_tumour(patient(f'condition text "{words}" 60 days ago')).differentiation is Differentiation.MIXED
    )


def test_pathology_that_names_a_mixed_neoplasm_beside_a_code_that_says_well() -> None:
    record = 'appendiceal NET 60 days ago; pathology report "MiNEN. Ki-67 60%" 10 days ago'
    assert read_tumour(patient(record)).differentiation is Differentiation.MIXED
    assert result(record).cards[0].recommendations == ("tumour-board",)
