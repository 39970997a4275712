from __future__ import annotations

from pathlib import Path

import pytest

from service.facts.operations import (
    REMOVAL,
    Operations,
    Role,
    planned_removals,
    planned_resections,
    primary_resection,
)
from service.facts.operations import operations as read
from service.facts.tumour import HORMONE_LIST, PRIMARY_LISTS, SITES
from tests.asking import knowledge, patient


def operations(record: str, hook: str = "patient-view") -> Operations:
    return read(patient(record, hook))


@pytest.mark.parametrize(
    ("act", "roles"),
    [
        ("small-bowel resection done", {Role.PRIMARY_RESECTION}),
        ("pancreaticoduodenectomy done", {Role.PRIMARY_RESECTION}),
        ("pancreatic enucleation done", {Role.ENUCLEATION}),
        ("endoscopic resection done", {Role.ENDOSCOPIC_RESECTION}),
        ("liver resection done", {Role.LIVER_RESECTION}),
        ("liver ablation done", {Role.ABLATION}),
        ("TACE done", {Role.EMBOLISATION}),
        ("radioembolisation done", {Role.EMBOLISATION}),
        ('procedure text "Ileal resection and hepatectomy"', {Role.PRIMARY_RESECTION, Role.LIVER_RESECTION}),
        ('procedure text "Microwave ablation of liver"', {Role.ABLATION}),
    ],
)
def test_the_roles_of_an_operation(act: str, roles: set[Role]) -> None:
    assert [set(one.roles) for one in operations(f"ileal NET; {act}").done] == [roles]


@pytest.mark.parametrize(
    "act", ["cholecystectomy done", "hip replacement done", "small-bowel resection stopped"]
)
def test_other_and_unfinished_operations_are_none_of_these(act: str) -> None:
    assert operations(f"ileal NET; {act}").done == ()


def test_two_operations_of_one_kind_are_planned_separately() -> None:
    found = operations("ileal NET; small-bowel resection planned; liver resection planned")

    assert [set(one.roles) for one in found.planned] == [{Role.LIVER_RESECTION}, {Role.PRIMARY_RESECTION}]


def test_only_what_is_being_ordered_is_current() -> None:
    record = "ileal NET; small-bowel resection planned (draft); right hemicolectomy booked in 10 days"
    found = operations(record, "order-sign")

    assert [one.name for one in found.planned_of(REMOVAL, current_only=True)] == ["Small-bowel resection"]
    assert len(found.planned_of(REMOVAL)) == 2


@pytest.mark.parametrize(
    ("record", "is_resected"),
    [
        ("ileal NET 200 days ago; small-bowel resection done 90 days ago", True),
        ("ileal NET 200 days ago; right hemicolectomy done 90 days ago", True),
        ("ileal NET 60 days ago; small-bowel resection done 240 days ago", True),
        ("ileal NET 60 days ago; small-bowel resection done 241 days ago", False),
        ("ileal NET 60 days ago; small-bowel resection done (undated)", True),
        ("ileal NET 200 days ago; appendicectomy done 90 days ago", False),
        ("appendiceal NET 200 days ago; appendicectomy done 90 days ago", True),
        ("pancreatic NET 200 days ago; small-bowel resection done 90 days ago", False),
        ("pancreatic NET 200 days ago; pancreatic enucleation done 90 days ago", True),
        ("unknown-primary NET 200 days ago; small-bowel resection done 90 days ago", True),
        ("ileal NET 200 days ago; liver resection done 90 days ago", False),
        ("rectal NET 200 days ago; endoscopic resection done 90 days ago", True),
    ],
)
def test_only_a_resection_of_this_primary_counts(record: str, is_resected: bool) -> None:
    assert (primary_resection(patient(record)) is not None) is is_resected


@pytest.mark.parametrize(
    ("site", "name"),
    [
        ("ileal", "Right hemicolectomy with appendectomy"),
        ("ileal", "Small bowel resection"),
        ("ileal", "Hemicolectomy"),
        ("ileal", "Bowel resection"),
        ("ileal", "Resection of primary tumour"),
        ("ileal", "Ileocecectomy"),
        ("ileal", "Dünndarmresektion"),
        ("ileal", "Hemikolektomie rechts"),
        ("ileal", "Résection iléo-caecale"),
        ("ileal", "Resección ileocecal"),
        ("ileal", "Emicolectomia destra"),
        ("ileal", "Hemicolectomie rechts"),
        ("appendiceal", "Right hemicolectomy"),
        ("appendiceal", "Appendektomie"),
        ("pancreatic", "Whipple procedure"),
        ("pancreatic", "Enucleation of tumour"),
        ("duodenal", "Pancreatoduodenectomy"),
        ("gastric", "Distal gastrectomy"),
        ("rectal", "Low anterior resection"),
        ("rectal", "Sigmaresektion"),
        ("lung", "Right upper lobectomy"),
        ("unknown-primary", "Small bowel resection"),
    ],
)
def test_an_operation_in_words_removes_the_primary_of_the_organ_that_it_names(site: str, name: str) -> None:
    assert primary_resection(patient(f'{site} NET 200 days ago; procedure text "{name}" 90 days ago'))


@pytest.mark.parametrize(
    ("site", "name"),
    [
        ("ileal", "Appendectomy"),
        ("ileal", "Whipple procedure"),
        ("ileal", "Sigmoid resection"),
        ("ileal", "Left hemicolectomy"),
        ("ileal", "Distal pancreatectomy"),
        ("ileal", "Right upper lobectomy"),
        ("ileal", "Hemikolektomie links"),
        ("ileal", "Sigmaresektion"),
        ("ileal", "Hémicolectomie gauche"),
        ("ileal", "Hemicolectomía izquierda"),
        ("ileal", "Emicolectomia sinistra"),
        ("ileal", "Hemicolectomie links"),
        ("pancreatic", "Right hemicolectomy"),
        ("pancreatic", "Holmium enucleation of prostate"),
        ("gastric", "Appendectomy"),
        ("gastric", "Colonoscopy with polypectomy"),
        ("rectal", "Right hemicolectomy"),
        ("lung", "Hepatic lobectomy"),
        ("appendiceal", "Small bowel resection"),
    ],
)
def test_an_operation_in_words_on_another_organ_leaves_the_primary(site: str, name: str) -> None:
    assert primary_resection(patient(f'{site} NET 200 days ago; procedure text "{name}" 90 days ago')) is None


@pytest.mark.parametrize(
    ("name", "is_planned"),
    [("Right hemicolectomy", True), ("Appendectomy", False), ("Distal pancreatectomy", False)],
)
def test_only_a_resection_of_this_primary_is_planned(name: str, is_planned: bool) -> None:
    record = f'ileal NET 60 days ago; order text "{name}" in 10 days'

    assert bool(planned_removals(patient(record))) is is_planned
    assert bool(planned_resections(patient(record))) is is_planned


_SITED = (*PRIMARY_LISTS, HORMONE_LIST, SITES)


def test_every_word_for_a_resection_of_the_primary_names_its_organ() -> None:
    terminology, root = knowledge().terminology, Path(__file__).parents[2] / "cards" / "wordlists"
    lines = [
        line for path in root.glob("*/primary-resection.txt") for line in path.read_text("utf-8").splitlines()
    ]
    phrases = [line.strip("*") for line in lines if line and line[0] not in "#!"]
    silent = [one for one in phrases if not terminology.organs_removed(one)]

    assert len(phrases) > 50
    assert [one for one in silent if "primary" not in one] == []


def test_every_site_of_a_primary_says_what_removes_it() -> None:
    terminology = knowledge().terminology
    listed = [row for rows in terminology.by_code.values() for row in rows if row.list_name in _SITED]
    sites = {row.get("site") for row in listed if row.get("role") not in ("out", "metastasis")}
    known = {one.replace("-", " ") for one in (*sites, *[one.site for one in terminology.sites])}

    assert known - terminology.removed_by.keys() == {"", "unknown", "other"}


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("TACE done 180 days ago", "Chemoembolisation of liver (TACE)"),
        ("TACE done 181 days ago", None),
        ("TACE done (undated)", "Chemoembolisation of liver (TACE)"),
        ("liver resection planned in 20 days", "Partial hepatectomy"),
        ("small-bowel resection done 90 days ago", None),
    ],
)
def test_liver_directed_treatment_planned_or_done_lately(record: str, name: str | None) -> None:
    found = operations(f"ileal NET 300 days ago; {record}").liver_directed_lately

    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("record", "is_known"),
    [
        ("PRRT done 90 days ago", True),
        ("PRRT planned in 20 days", True),
        ("PRRT planned (revoked) in 20 days", False),
        ("DOTATATE PET/CT positive done 90 days ago", False),
    ],
)
def test_radionuclide_therapy_given_or_planned(record: str, is_known: bool) -> None:
    assert (operations(f"ileal NET; {record}").radionuclide is not None) is is_known
