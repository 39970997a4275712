from __future__ import annotations

import pytest

from service.facts.operations import REMOVAL, Operations, Role, primary_resection
from service.facts.operations import operations as read
from tests.asking import patient


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
