"""Which reports are there, of which kind, and whether they could be read."""

from __future__ import annotations

import base64

import pytest

from service.facts.reports import Report, reports
from service.fhir.r4 import Attachment, Composition, CompositionSection, Narrative
from tests.asking import patient


def read(record: str) -> list[Report]:
    return list(reports(patient(record)))


def attachment(text: str, form: str, charset: str = "utf-8") -> Attachment:
    return Attachment(content_type=form, data=base64.b64encode(text.encode(charset)).decode())


@pytest.mark.parametrize(
    ("record", "kind", "is_whole"),
    [
        ('pathology report "Ki-67 8 %"', "pathology", True),
        ('pathology report "Ki-67 8 %" (text file)', "pathology", True),
        ('pathology report "Ki-67 8 %" (document)', "pathology", True),
        ("pathology report (file)", "pathology", False),
        ("pathology report (file) (document)", "pathology", False),
        ('CT abdomen conclusion "No metastases" done', "imaging", True),
        ("CT abdomen done", "imaging", False),
        ('imaging report conclusion "Multifocal liver metastases"', "imaging", True),
    ],
)
def test_kind_and_whether_it_was_read(record: str, kind: str, is_whole: bool) -> None:
    assert [(one.kind.value, one.is_whole) for one in read(f"ileal NET; {record}")] == [(kind, is_whole)]


def test_only_delivered_reports_count() -> None:
    assert read('ileal NET; pathology report "Ki-67 8 %" (preliminary)') == []


def test_of_a_long_report_the_beginning_is_read() -> None:
    (long,) = read(f'ileal NET; pathology report "{"pathology " * 3000}"')
    assert (len(long.text), long.is_whole) == (20_000, False)


@pytest.mark.parametrize(
    ("file", "text", "is_unreadable"),
    [
        (attachment("Ki-67 8 %", "text/plain"), "Ki-67 8 %", False),
        (attachment("Índice", "text/plain; charset=iso-8859-1", "latin-1"), "Índice", False),
        (attachment("<p>Ki&#8209;67</p><style>p {}</style>8&nbsp;%", "text/html"), "\nKi‑67\n 8\xa0%", False),
        (attachment("%PDF", "application/pdf"), "", True),
        (attachment("Índice", "text/plain", "latin-1"), "", True),
        (Attachment(content_type="text/plain", data="!"), "", True),
        (Attachment(content_type="text/plain", url="https://ehr.example.org/1"), "", True),
        (Attachment(content_type="text/plain", title="note"), "", False),
    ],
)
def test_the_text_of_a_file(file: Attachment, text: str, is_unreadable: bool) -> None:
    assert (file.text, file.is_unreadable) == (text, is_unreadable)


def test_the_sections_of_a_composition() -> None:
    section = CompositionSection(title="Diagnosis", text=Narrative(div="<div>NET <b>G2</b></div>"))
    assert "Diagnosis" in Composition(section=[section]).findings
    assert "NET" in Composition(section=[section]).findings
