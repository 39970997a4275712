"""What the rules read of FHIR R4, and nothing else: one class per resource type.

https://hl7.org/fhir/R4/resourcelist.html. A class names the elements that are read, the words of its status,
and says of its resource whose it is, what names it, what it finds, when it happened and whether it is done.
An element that is not named here is never looked at. :mod:`service.fhir.read` fills these classes; a new
resource type is one class here and one query in :mod:`service.fhir.queries`.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from service.fhir import dates
from service.fhir.about import NOTHING, About
from service.fhir.dates import Moment

When = Annotated[
    str, msgspec.Meta(pattern=r"^(?:\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])(?:T.*)?)?)?)?$")
]
"""A date or dateTime as it was sent; parsed by :mod:`service.fhir.dates` where it is asked for."""

NumberText = Annotated[str, msgspec.Meta(pattern=r"^\s*-?\d{1,15}(?:\.\d{1,15})?\s*$")]
"""A number that was sent as text, which is invalid FHIR and plain to read."""

Span = tuple[Moment | None, Moment | None]
"""When something begins and ends, as far as that is stated."""


class Element(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """A part of a resource. ``modifier_extension`` may turn its meaning round."""

    modifier_extension: list[Any] | None = None


class Coding(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Coding."""

    system: str | None = None
    code: str | None = None
    display: str | None = None
    extension: list[Extension] | None = None

    @property
    def certainty(self) -> str:
        """How sure a German diagnosis is: ``A`` excluded, ``G``, ``V`` suspected, ``Z`` over; else empty.

        http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit, as basisprofil.de defines it.
        """
        stated = [one.code for one in self.extension or () if one.is_certainty]
        return next((one.upper() for one in stated if one), "")


class CodeableConcept(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#CodeableConcept; ``concept`` is R5's, where R4 has none."""

    coding: list[Coding] | None = None
    text: str | None = None
    concept: Any = None

    @property
    def codings(self) -> list[Coding]:
        """Every Coding."""
        return self.coding or []

    @property
    def words(self) -> str:
        """All that a person reads: the text, then the displays."""
        return "; ".join([part for part in (self.text, *[one.display for one in self.codings]) if part])

    @property
    def code(self) -> str:
        """The first code, whatever its system."""
        return next((one.code for one in self.codings if one.code), "")

    @property
    def label(self) -> str:
        """The one name to show: the text, else a display, else a code."""
        return self.text or next((one.display for one in self.codings if one.display), "") or self.code

    def code_of(self, words: frozenset[str]) -> str:
        """The code that is one of these, wherever it stands; else the text, where that is one of them."""
        for one in self.codings:
            if one.code in words:
                return one.code
        text = (self.text or "").strip().lower()
        return text if text in words else ""


Concepts = list[CodeableConcept] | CodeableConcept
"""Where R4 has a list, a lone object is read as a list of one."""


def concepts(value: Concepts | None) -> list[CodeableConcept]:
    """The concepts of a list, or the lone one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def words(value: Concepts | None) -> str:
    """All that a person reads in one or several concepts: texts, then displays."""
    several = concepts(value)
    displays = [coding.display for one in several for coding in one.codings]
    return "; ".join([part for part in (*[one.text for one in several], *displays) if part])


def label(value: Concepts | None) -> str:
    """The one name to show for one or several concepts: a text, else a display, else a code."""
    several = concepts(value)
    texts = next((one.text for one in several if one.text), "")
    return texts or next((one.label for one in several if one.label), "")


class Identifier(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Identifier."""

    system: str | None = None
    value: str | None = None


class Reference(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/references.html#Reference."""

    reference: str | None = None
    display: str | None = None
    identifier: Identifier | None = None


def refers_to(references: Iterable[Reference] | None, target: Resource) -> bool:
    """Whether one of the references is to this resource."""
    return any(one.reference == target.reference for one in references or ())


class Period(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Period."""

    start: When | None = None
    end: When | None = None

    @property
    def span(self) -> Span:
        """When it begins and ends."""
        return dates.parse(self.start), dates.parse(self.end)

    @property
    def is_open(self) -> bool:
        """Whether it has begun, or will, and goes on: an end that is absent is none."""
        return dates.parse(self.start) is not None and dates.parse(self.end) is None


class Repeat(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """The bounds of a Timing."""

    bounds_period: Period | None = None


class Timing(Element, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Timing."""

    event: list[When] | None = None
    repeat: Repeat | None = None
    code: CodeableConcept | None = None

    @property
    def span(self) -> Span:
        """The first event, else the start of the bounds, and the end of the bounds."""
        bounds = self.repeat.bounds_period if self.repeat else None
        starts, ends = bounds.span if bounds else (None, None)
        return dates.parse(self.event[0]) if self.event else starts, ends


class Quantity(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Quantity; a value that was sent as text is kept."""

    value: float | NumberText | None = None
    comparator: Literal["<", "<=", ">=", ">", ""] | None = None
    unit: str | None = None
    code: str | None = None


class Range(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Range."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Ratio."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class ReferenceRange(Element, kw_only=True):
    """The range that a laboratory printed with a result."""

    low: Quantity | None = None
    high: Quantity | None = None
    text: str | None = None


class Annotation(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Annotation."""

    text: str | None = None


_UNSHOWN = re.compile(r"<(script|style)\b[^<>]*>[^<]*", re.IGNORECASE)
_BLOCK = re.compile(r"</?(?:p|div|br|li|tr|h\d|table)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_CHARSET = re.compile(r"charset\s?=\s?\"?([\w-]{1,20})", re.IGNORECASE)


def _without_markup(text: str) -> str:
    """The words of an HTML text, each block on a line of its own."""
    return html.unescape(_TAG.sub(" ", _BLOCK.sub("\n", _UNSHOWN.sub("", text))))


class Attachment(Element, kw_only=True):
    """https://hl7.org/fhir/R4/datatypes.html#Attachment; only plain text and HTML that came along is read."""

    content_type: str | None = None
    data: str | None = None
    url: str | None = None
    title: str | None = None

    @property
    def text(self) -> str:
        """What it says; empty where that cannot be read."""
        form = (self.content_type or "").lower()
        if not self.data or not form.startswith(("text/plain", "text/html")):
            return ""
        charset = _CHARSET.search(form)
        try:
            written = base64.b64decode(self.data).decode(charset.group(1) if charset else "utf-8")
        except (ValueError, LookupError):  # not base64, not that character set
            return ""
        return _without_markup(written) if form.startswith("text/html") else written

    @property
    def is_unreadable(self) -> bool:
        """Whether something is there that is not read: a PDF, an image, what stands elsewhere."""
        return bool(self.data or self.url) and not self.text.strip()


class Narrative(Element, kw_only=True):
    """https://hl7.org/fhir/R4/narrative.html."""

    div: str | None = None

    @property
    def text(self) -> str:
        """Its words."""
        return _without_markup(self.div or "")


class Meta(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/resource.html#Meta."""

    version_id: str | None = None
    last_updated: When | None = None
    tag: list[Coding] | None = None
    security: list[Coding] | None = None

    @property
    def labels(self) -> list[str | None]:
        """The codes of its tags and security labels."""
        labels = [*(self.tag or ()), *(self.security or ())]
        return [one.code for one in labels]


_LONGEST_SHOWN = 100  # characters of a reference


def _one_of(codes: str) -> msgspec.Meta:
    """A required value set of a few codes."""
    return msgspec.Meta(pattern=f"^(?:{'|'.join(codes.split())})$")


class Resource(Element, kw_only=True):
    """What all types share. ``about`` is set by the reader, whatever the JSON says.

    A type says of itself, by the names of its fields: what names it (``NAMED_BY`` concepts, ``NAMED_IN``
    words, ``NAMED_BESIDE`` other elements), what it finds in words (``FOUND_IN``), whose it is (``WHOSE``),
    which elements could turn its meaning round, so that nothing holds without them (``TURNING``), which
    elements only another release of FHIR has (``OTHER_RELEASES``), and which statuses mean what.
    """

    id: str | None = None
    meta: Meta | None = None
    implicit_rules: str | None = None
    about: About = msgspec.field(default=NOTHING, name=" about")

    NAMED_BY: ClassVar[tuple[str, ...]] = ()
    NAMED_IN: ClassVar[tuple[str, ...]] = ()
    NAMED_BESIDE: ClassVar[tuple[str, ...]] = ()
    FOUND_IN: ClassVar[tuple[str, ...]] = ()
    WHOSE: ClassVar[str] = "subject"
    PARTS: ClassVar[tuple[str, ...]] = ()
    TURNING: ClassVar[tuple[str, ...]] = ()
    OTHER_RELEASES: ClassVar[Mapping[str, str]] = {}
    DONE: ClassVar[tuple[str, ...]] = ()
    UNDER_WAY: ClassVar[tuple[str, ...]] = ()
    DRAFT: ClassVar[str] = ""
    NEEDS_STATUS: ClassVar[bool] = False
    """Whether it counts only by its status, so that one without a status is not read."""
    NOTES_MATTER: ClassVar[bool] = False
    """Whether its findings may say what no code does: "under general anaesthesia", "unresectable"."""
    IS_REPORT: ClassVar[bool] = False
    """Whether "not seen" in its words says that something is not there."""
    ALWAYS_MATTERS: ClassVar[bool] = False
    OFTEN_HIDDEN: ClassVar[tuple[str, ...]] = ()
    """Statuses that rules read and that some servers leave out of a search that does not name them."""

    @property
    def kind(self) -> str:
        """The name of the resource type."""
        return type(self).__name__

    @property
    def stated_status(self) -> str:
        """The status; empty where there is none."""
        return getattr(self, "status", None) or ""

    @property
    def is_in_doubt(self) -> bool:
        """Whether its source does not know its status: it is neither there nor absent."""
        return self.NEEDS_STATUS and self.stated_status == "unknown"

    @property
    def lacks_status(self) -> bool:
        """Whether it needs a status and has none, as drafts may."""
        return self.NEEDS_STATUS and not self.stated_status

    @property
    def reference(self) -> str:
        """``Type/id``, or just the type where the resource has no id."""
        return f"{self.kind}/{self.id}" if self.id else self.kind

    @property
    def shown(self) -> str:
        """Its reference as a reason may show it; an id may be longer than FHIR allows."""
        return self.reference[:_LONGEST_SHOWN]

    @property
    def updated(self) -> Moment | None:
        """When it was last updated."""
        return dates.parse(self.meta.last_updated) if self.meta else None

    @property
    def version(self) -> tuple[float, int]:
        """When it was last updated, and its number where versions are numbered: the later one stands."""
        number = (self.meta.version_id or "") if self.meta else ""
        return dates.order(self.updated), int(number) if number.isdecimal() and len(number) < 10 else 0

    def whose(self) -> Iterable[Reference]:
        """The references that may say whose it is."""
        owner: Reference | None = getattr(self, self.WHOSE, None)
        return (owner,) if owner else ()

    def naming_concepts(self) -> list[CodeableConcept]:
        """The concepts that name what it is about."""
        return [one for name in self.NAMED_BY for one in concepts(getattr(self, name))]

    def histologies(self) -> Iterable[CodeableConcept]:
        """The concepts beside those that name it of which only a histology is read."""
        return ()

    def naming_texts(self) -> Iterable[str | None]:
        """The words that name what it is about, beside those of its concepts."""
        return [getattr(self, name) for name in self.NAMED_IN]

    def parts(self) -> Iterable[Element]:
        """Its parts, each of which may carry a modifier of its own."""
        found = [getattr(self, name) for name in self.PARTS]
        return [part for one in found if one for part in (one if isinstance(one, list) else (one,))]

    def unreadable_status(self) -> str:
        """The element whose code turns the meaning and is none of its value set, if any."""
        return ""

    def without_contradictions(self) -> Iterable[str]:
        """Take away what is said twice where FHIR allows it once; gives the paths."""
        return ()

    def happened(self) -> Moment | None:
        """When it took place or was written."""
        return None

    @property
    def has_open_end(self) -> bool:
        """Whether its period goes on, so that it is not over however long ago it began."""
        return False

    @property
    def is_done(self) -> bool:
        """Whether a result was delivered, an event has taken place, or a document stands."""
        return self.stated_status in self.DONE

    @property
    def is_under_way(self) -> bool:
        """Whether a result is expected or preliminary, or an event is taking place."""
        return self.stated_status in self.UNDER_WAY

    @property
    def is_refusal(self) -> bool:
        """Whether it asks not to do something."""
        return False

    @property
    def is_draft(self) -> bool:
        """Whether it is being written: not yet signed, or not yet booked."""
        return bool(self.DRAFT) and self.stated_status == self.DRAFT

    @property
    def name(self) -> str:
        """The words that name what it is about, without its findings; each once."""
        return self.name_by(self.naming_concepts())

    def name_by(self, naming: Iterable[CodeableConcept]) -> str:
        """The same, where its naming concepts are at hand."""
        texts: dict[str | None, None] = {}
        for one in naming:
            texts[one.text] = None
            for coding in one.codings:
                texts[coding.display] = None
        return "; ".join(filter(None, (*texts, *self.naming_texts())))

    @property
    def shown_name(self) -> str:
        """The one name to show: that of its first concept, else other words that name it, else its type."""
        labels = [one.label for one in self.naming_concepts()][:1]
        return next((one for one in (*labels, *self.naming_texts()) if one), self.kind)

    def attachments(self) -> Iterable[Attachment]:
        """The files in which it is written."""
        return ()

    def narratives(self) -> Iterable[str | None]:
        """The texts in which it is written, beside ``FOUND_IN`` and its notes."""
        return [one.text for one in self.attachments()]

    @property
    def findings(self) -> str:
        """What it found or says, in words: conclusion, value, reason, notes, attached text; a line each."""
        notes = [one.text for one in getattr(self, "note", None) or ()]
        if "reason_code" not in self.NAMED_BY:
            notes.append(words(getattr(self, "reason_code", None)))
        found = [getattr(self, name) for name in self.FOUND_IN]
        return "\n".join([part for part in (*found, *notes, *self.narratives()) if part])


class OfPatient(Resource, kw_only=True):
    """A resource with a ``subject``."""

    subject: Reference | None = None


class PatientLink(Element, kw_only=True):
    """Another record of the same person."""

    other: Reference | None = None
    type: str | None = None


class Extension(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """https://hl7.org/fhir/R4/extensibility.html, as far as it holds concepts, codes, extensions."""

    url: str | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_coding: Coding | None = None
    value_code: str | None = None
    extension: list[Extension] | None = None

    @property
    def code(self) -> str:
        """The lone code that it holds; empty where there is none."""
        return self.value_code or (self.value_coding and self.value_coding.code) or ""

    @property
    def is_certainty(self) -> bool:
        """Whether it says how sure a German diagnosis is."""
        return (self.url or "").rpartition("/")[2].lower() == "icd-10-gm-diagnosesicherheit"

    def concepts(self) -> Iterator[CodeableConcept]:
        """The concepts that it holds, however deep."""
        if self.value_codeable_concept:
            yield self.value_codeable_concept
        for one in self.extension or ():
            yield from one.concepts()

    @property
    def is_histology(self) -> bool:
        """Whether it is that of mCODE, or one made from it; what it says of a relative is never read."""
        name = (self.url or "").rpartition("/")[2].lower()
        return name.endswith(_HISTOLOGY_EXTENSIONS) and "family" not in name


_HISTOLOGY_EXTENSIONS = (
    "histology-morphology-behavior",  # http://hl7.org/fhir/us/mcode, http://hl7.eu/fhir/ig/idea4rc
    "histology-morphology-behavior-icdo3",  # https://www.medizininformatik-initiative.de/fhir/ext/modul-onko
    "histologymorphologybehavior-extension",  # http://hl7.org/fhir/us/shr
)


class Patient(Resource, kw_only=True):
    """https://hl7.org/fhir/R4/patient.html."""

    birth_date: When | None = None
    deceased_boolean: bool | Literal["true", "false"] | None = None
    deceased_date_time: When | None = None
    identifier: list[Identifier] | None = None
    link: list[PatientLink] | None = None

    ALWAYS_MATTERS = True

    @property
    def is_deceased(self) -> bool:
        """Whether the patient has died."""
        return self.deceased_boolean in (True, "true") or dates.parse(self.deceased_date_time) is not None

    @property
    def is_replaced(self) -> bool:
        """Whether another record of the same person took its place."""
        return any(one.type == "replaced-by" for one in self.link or ())

    @property
    def replaced(self) -> list[str]:
        """References to the records that this one replaces, whose data are this patient's."""
        links = [one.other for one in self.link or () if one.type == "replaces"]
        return [one.reference for one in links if one and one.reference]


class ConditionStage(Element, kw_only=True):
    """A stage of a Condition."""

    summary: CodeableConcept | None = None
    type: CodeableConcept | None = None


class ConditionEvidence(Element, kw_only=True):
    """What a Condition rests on."""

    code: Concepts | None = None
    detail: list[Reference] | None = None


class Condition(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/condition.html."""

    extension: list[Extension] | None = None
    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    body_site: Concepts | None = None
    stage: list[ConditionStage] | None = None
    evidence: list[ConditionEvidence] | None = None
    note: list[Annotation] | None = None
    onset_date_time: When | None = None
    onset_period: Period | None = None
    abatement_date_time: When | None = None
    abatement_period: Period | None = None
    recorded_date: When | None = None

    NAMED_BESIDE = ("code", "extension")
    PARTS = ("stage", "evidence")
    TURNING = ("clinicalStatus", "verificationStatus")
    NOTES_MATTER = True
    CLINICAL: ClassVar = frozenset(["active", "recurrence", "relapse", "inactive", "remission", "resolved"])
    VERIFICATION: ClassVar = frozenset(
        ["unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"]
    )

    def naming_concepts(self) -> list[CodeableConcept]:
        """Its code, and the histology that an extension states."""
        stated = [one.value_codeable_concept for one in self.extension or () if one.is_histology]
        return [one for one in (self.code, *stated) if one]

    def histologies(self) -> Iterable[CodeableConcept]:
        """Its stages and of what these are, and the codes of its evidence."""
        stages = [concept for one in self.stage or () for concept in (one.summary, one.type) if concept]
        return [*stages, *[one for evidence in self.evidence or () for one in concepts(evidence.code)]]

    def rests_on(self, observation: Observation) -> bool:
        """Whether either of the two names the other."""
        details = [one for evidence in self.evidence or () for one in evidence.detail or ()]
        return refers_to(details, observation) or refers_to(observation.focus, self)

    def unreadable_status(self) -> str:
        """A status that says something, and nothing of its required value set."""
        if self.clinical_status and not self.clinical:
            return "clinicalStatus"
        return "verificationStatus" if self.verification_status and not self._verification else ""

    @property
    def clinical(self) -> str:
        """The clinicalStatus, by the code of its value set wherever that stands; empty where it is absent."""
        return self.clinical_status.code_of(self.CLINICAL) if self.clinical_status else ""

    @property
    def _verification(self) -> str:
        return self.verification_status.code_of(self.VERIFICATION) if self.verification_status else ""

    @property
    def _certainty(self) -> str:
        """What its codes say, the least sure first: there a status is often a mere default."""
        stated = {one.certainty for one in self.code.codings} if self.code else set()
        return next((one for one in "AZV" if one in stated), "")

    @property
    def verification(self) -> str:
        """The certainty of its codes, else the verificationStatus; absent is confirmed, as R4 allows."""
        by_code = {"A": "refuted", "V": "provisional"}.get(self._certainty)
        return by_code or self._verification or "confirmed"

    @property
    def is_refuted(self) -> bool:
        """Whether it is refuted or entered in error."""
        return self.verification in ("refuted", "entered-in-error")

    def is_in_force(self, now: datetime) -> bool:
        """Whether it holds now: not refuted, not resolved, not abated in the past."""
        is_over = self._certainty == "Z" or self.clinical in ("inactive", "remission", "resolved")
        if self.is_refuted or is_over:
            return False
        if self.abatement_date_time is None and self.abatement_period is None:
            return True
        return self.abated is None or self.abated.last > now

    @property
    def abated(self) -> Moment | None:
        """When it was over."""
        return _begins(self.abatement_date_time, self.abatement_period)

    @property
    def since(self) -> Moment | None:
        """The earliest that it can be dated: onset, else the date of recording."""
        return _begins(self.onset_date_time, self.onset_period) or self.recorded

    @property
    def recorded(self) -> Moment | None:
        """The date of recording."""
        return dates.parse(self.recorded_date)

    @property
    def asserted(self) -> Moment | None:
        """The latest time at which somebody stood behind it."""
        return self.recorded or self.updated or dates.parse(self.onset_date_time)

    def happened(self) -> Moment | None:
        """When it was last asserted."""
        return self.asserted


def _begins(stated: When | None, period: Period | None) -> Moment | None:
    """The stated time, else the start of the period."""
    return dates.parse(stated) or (period.span[0] if period else None)


def _clinical_time(stated: When | None, period: Period | None, *others: When | None) -> Moment | None:
    """The stated time, else the end or the start of the period, else the first of the others."""
    if moment := dates.parse(stated):
        return moment
    starts, ends = period.span if period else (None, None)
    later = (moment for other in others if (moment := dates.parse(other)))
    return ends or starts or next(later, None)


class ObservationComponent(Element, kw_only=True):
    """A component of an Observation, with a code and a value of its own."""

    code: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_string: str | None = None
    value_integer: int | None = None
    value_codeable_concept: CodeableConcept | None = None
    interpretation: Concepts | None = None
    reference_range: list[ReferenceRange] | None = None


_VALUES = tuple(name for name in ObservationComponent.__struct_fields__ if name.startswith("value_"))
_RESULT = "registered preliminary final amended corrected cancelled entered-in-error unknown"


class Observation(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/observation.html."""

    status: Annotated[str, _one_of(_RESULT)] | None = None
    code: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_string: str | None = None
    value_integer: int | None = None
    value_codeable_concept: CodeableConcept | None = None
    interpretation: Concepts | None = None
    reference_range: list[ReferenceRange] | None = None
    component: list[ObservationComponent] | None = None
    note: list[Annotation] | None = None
    effective_date_time: When | None = None
    effective_period: Period | None = None
    effective_instant: When | None = None
    issued: When | None = None
    specimen: Reference | None = None
    body_site: CodeableConcept | None = None
    focus: list[Reference] | None = None

    NAMED_BESIDE = ("code", "component")
    FOUND_IN = ("value_string",)
    PARTS = ("component",)
    NEEDS_STATUS = True
    IS_REPORT = True
    DONE = ("final", "amended", "corrected")
    UNDER_WAY = ("registered", "preliminary")

    def naming_concepts(self) -> list[CodeableConcept]:
        """Its code, and those of its components: a panel is about what its components measure."""
        return [one for one in (self.code, *[part.code for part in self.component or ()]) if one]

    def histologies(self) -> Iterable[CodeableConcept]:
        """Its values, where it is the result of a histology; a code may stand there as a mere word."""
        if not self.about.rows("grade-differentiation"):
            return ()
        parts: tuple[Measured, ...] = (self, *(self.component or ()))
        written = [
            CodeableConcept(text=one.value_string, coding=[Coding(code=one.value_string)])
            for one in parts
            if one.value_string
        ]
        return [*[one.value_codeable_concept for one in parts if one.value_codeable_concept], *written]

    @property
    def since(self) -> Moment | None:
        """When it was made, where it stands for a diagnosis."""
        return self.happened()

    @property
    def asserted(self) -> Moment | None:
        """The same."""
        return self.happened()

    def without_contradictions(self) -> Iterator[str]:
        """Take away the values of which there are several, where FHIR allows one; gives their paths."""
        inside = [(f"component[{i}].", one) for i, one in enumerate(self.component or ())]
        for path, part in (("", self), *inside):
            stated = [name for name in _VALUES if getattr(part, name) is not None]
            if len(stated) > 1:
                for name in stated:
                    setattr(part, name, None)
                yield f"{path}value[x]"

    def happened(self) -> Moment | None:
        """The clinical time, else the time of issue."""
        stated, period = self.effective_date_time, self.effective_period
        return _clinical_time(stated, period, self.effective_instant, self.issued)


Measured = Observation | ObservationComponent
"""What has a code and a value."""


class Procedure(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/procedure.html."""

    status: (
        Annotated[
            str,
            _one_of("preparation in-progress not-done on-hold stopped completed entered-in-error unknown"),
        ]
        | None
    ) = None
    code: CodeableConcept | None = None
    category: Concepts | None = None
    performed_date_time: When | None = None
    performed_period: Period | None = None
    reason_code: Concepts | None = None
    body_site: Concepts | None = None
    note: list[Annotation] | None = None
    based_on: list[Reference] | None = None

    NAMED_BY = ("code",)
    NEEDS_STATUS = NOTES_MATTER = True
    OTHER_RELEASES = {
        "notDone": "STU3",
        "notPerformed": "DSTU2",
        "occurrenceDateTime": "R5",
        "occurrencePeriod": "R5",
    }
    DONE = ("completed",)
    UNDER_WAY = ("preparation", "in-progress")

    @property
    def label(self) -> str:
        """The one name to show."""
        return label(self.code)

    @property
    def span(self) -> Span:
        """When it begins and ends."""
        starts, ends = self.performed_period.span if self.performed_period else (None, None)
        return dates.parse(self.performed_date_time) or starts, ends

    def happened(self) -> Moment | None:
        """When it was done."""
        return _clinical_time(self.performed_date_time, self.performed_period)

    @property
    def has_open_end(self) -> bool:
        """Whether it was begun and goes on."""
        return self.performed_period is not None and self.performed_period.is_open

    @property
    def is_planned(self) -> bool:
        """Whether it is still to come or going on."""
        return self.is_under_way

    @property
    def took_place(self) -> bool:
        """Whether it may be over by now."""
        return self.status in ("in-progress", "completed")


class DiagnosticReport(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/diagnosticreport.html."""

    status: Annotated[str, _one_of(f"{_RESULT} partial appended")] | None = None
    code: CodeableConcept | None = None
    effective_date_time: When | None = None
    effective_period: Period | None = None
    issued: When | None = None
    category: Concepts | None = None
    conclusion: str | None = None
    conclusion_code: Concepts | None = None
    presented_form: list[Attachment] | None = None

    NAMED_BY = ("code",)
    FOUND_IN = ("conclusion",)
    NEEDS_STATUS = NOTES_MATTER = True
    IS_REPORT = True
    DONE = ("final", "amended", "corrected", "appended")
    UNDER_WAY = ("registered", "partial", "preliminary")

    def naming_concepts(self) -> list[CodeableConcept]:
        """Its code; its category says of which kind it is, and does not name it alone."""
        named = self.code is not None and bool(self.code.label)
        return [self.code, *concepts(self.category)] if self.code and named else concepts(self.code)

    def naming_texts(self) -> Iterable[str | None]:
        """The titles of its files."""
        return [one.title for one in self.attachments()]

    def attachments(self) -> Iterable[Attachment]:
        """The whole report, as it was sent out."""
        return self.presented_form or ()

    def narratives(self) -> Iterable[str | None]:
        """The words of its coded conclusion, then the report."""
        return (words(self.conclusion_code), *[one.text for one in self.attachments()])

    def happened(self) -> Moment | None:
        """The clinical time, else the time of issue."""
        return _clinical_time(self.effective_date_time, self.effective_period, self.issued)


class Modality(Coding, kw_only=True):
    """A Coding in R4, a CodeableConcept in R5."""

    coding: list[Coding] | None = None

    @property
    def codes(self) -> list[str]:
        """Every code."""
        return [one.code for one in (self, *(self.coding or ())) if one.code]


class ImagingSeries(Element, kw_only=True):
    """A series of an imaging study; an extension of the MII names the tracer."""

    modality: Modality | None = None
    body_site: Coding | None = None
    extension: list[Extension] | None = None


class ImagingStudy(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/imagingstudy.html."""

    status: Annotated[str, _one_of("registered available cancelled entered-in-error unknown")] | None = None
    started: When | None = None
    modality: list[Modality] | None = None
    procedure_code: Concepts | None = None
    description: str | None = None
    series: list[ImagingSeries] | None = None

    NAMED_BY = ("procedure_code",)
    NAMED_IN = ("description",)
    NAMED_BESIDE = ("modality", "series")
    PARTS = ("series",)
    NEEDS_STATUS = ALWAYS_MATTERS = True
    DONE = ("available",)
    UNDER_WAY = ("registered",)

    def naming_concepts(self) -> list[CodeableConcept]:
        """Its procedure, and the tracers of its series."""
        extensions = [inner for one in self.series or () for inner in one.extension or ()]
        return [*concepts(self.procedure_code), *[found for one in extensions for found in one.concepts()]]

    def happened(self) -> Moment | None:
        """When it began."""
        return dates.parse(self.started)

    @property
    def modalities(self) -> set[str]:
        """The codes of its modality and of those of its series."""
        several = [*(self.modality or ()), *[one.modality for one in self.series or () if one.modality]]
        return {code for one in several for code in one.codes}

    @property
    def body_sites(self) -> str:
        """The names of the body sites of its series."""
        sites = [one.body_site for one in self.series or () if one.body_site]
        return "; ".join([site.display for site in sites if site.display])


_ORDERS = ("order", "plan", "original-order", "filler-order", "reflex-order", "instance-order", "")


class ServiceRequest(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/servicerequest.html."""

    status: (
        Annotated[str, _one_of("draft active on-hold revoked completed entered-in-error unknown |")] | None
    ) = None
    intent: str | None = None
    priority: str | None = None
    do_not_perform: bool | None = None
    code: CodeableConcept | None = None
    category: Concepts | None = None
    order_detail: Concepts | None = None
    reason_code: Concepts | None = None
    note: list[Annotation] | None = None
    occurrence_date_time: When | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    authored_on: When | None = None
    based_on: list[Reference] | None = None

    NAMED_BY = ("code", "category", "order_detail")
    PARTS = ("occurrence_timing",)
    TURNING = ("doNotPerform",)
    NEEDS_STATUS = NOTES_MATTER = True
    DRAFT = "draft"
    OFTEN_HIDDEN = ("draft", "active", "on-hold")

    @property
    def label(self) -> str:
        """The one name to show."""
        return label(self.code)

    @property
    def authored(self) -> Moment | None:
        """When it was written."""
        return dates.parse(self.authored_on)

    @property
    def span(self) -> Span:
        """When what it asks for begins and ends."""
        period, timing = self.occurrence_period, self.occurrence_timing
        of_period, of_timing = (one.span if one else (None, None) for one in (period, timing))
        starts = dates.parse(self.occurrence_date_time) or of_period[0] or of_timing[0]
        return starts, of_period[1] or of_timing[1]

    @property
    def has_open_end(self) -> bool:
        """Whether it may be done at any time from its start on."""
        return self.occurrence_period is not None and self.occurrence_period.is_open

    def happened(self) -> Moment | None:
        """When what it asks for takes place."""
        starts, ends = self.span
        return ends or starts

    @property
    def is_refusal(self) -> bool:
        """Whether it asks not to do something."""
        return self.do_not_perform is True

    @property
    def is_open(self) -> bool:
        """Whether it waits to be carried out."""
        return self.status in self.OFTEN_HIDDEN

    @property
    def is_planned(self) -> bool:
        """Whether what it asks for is still to come."""
        return self.is_open

    @property
    def is_in_force(self) -> bool:
        """Ordered or carried out: neither a draft nor called off."""
        return self.status in ("active", "on-hold", "completed")

    @property
    def is_order(self) -> bool:
        """A proposal or an option is not an order; a missing intent (invalid R4) is taken as one."""
        return (self.intent or "") in _ORDERS

    @property
    def took_place(self) -> bool:
        """Whether what it asks for may be over by now."""
        return self.status in ("active", "completed")

    @property
    def is_urgent(self) -> bool:
        """Priority stat or asap."""
        return self.priority in ("stat", "asap")


class Dosage(Element, kw_only=True):
    """https://hl7.org/fhir/R4/dosage.html."""

    text: str | None = None
    patient_instruction: str | None = None
    timing: Timing | None = None
    route: CodeableConcept | None = None
    method: CodeableConcept | None = None
    as_needed_boolean: bool | None = None
    as_needed_codeable_concept: CodeableConcept | None = None
    additional_instruction: list[CodeableConcept] | None = None

    @property
    def words(self) -> str:
        """Texts, route, method, when it is needed, and the code of the timing."""
        timed = self.timing.code if self.timing else None
        concepts = (self.route, self.method, self.as_needed_codeable_concept, timed)
        concept_words = [one.words for one in (*concepts, *(self.additional_instruction or ())) if one]
        return "; ".join([part for part in (self.text, self.patient_instruction, *concept_words) if part])

    @property
    def is_as_needed(self) -> bool:
        """Whether it is taken only when needed."""
        return self.as_needed_boolean is True or self.as_needed_codeable_concept is not None


class DispenseRequest(Element, kw_only=True):
    """What a MedicationRequest says of its dispensing."""

    validity_period: Period | None = None


class Ingredient(Element, kw_only=True):
    """An ingredient of a Medication."""

    item_codeable_concept: CodeableConcept | None = None
    item_reference: Reference | None = None


class Medication(Resource, kw_only=True):
    """https://hl7.org/fhir/R4/medication.html."""

    code: CodeableConcept | None = None
    ingredient: list[Ingredient] | None = None
    form: CodeableConcept | None = None

    NAMED_BESIDE = ("code", "ingredient")
    OTHER_RELEASES = {"product": "DSTU2"}

    def naming_concepts(self) -> list[CodeableConcept]:
        """Its code and its ingredients."""
        inside = [one.item_codeable_concept for one in self.ingredient or ()]
        return [one for one in (self.code, *inside) if one]

    def naming_texts(self) -> Iterable[str | None]:
        """Ingredients that are named in words."""
        return [one.item_reference.display for one in self.ingredient or () if one.item_reference]


class OfMedication(OfPatient, kw_only=True):
    """A resource about a drug. The reader sets ``drug``, its concepts wherever they stand, and ``form``."""

    status: str | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    contained: list[Any] | None = None
    reason_code: Concepts | None = None
    note: list[Annotation] | None = None
    drug: tuple[CodeableConcept, ...] = msgspec.field(default=(), name=" drug")
    form: str = msgspec.field(default="", name=" form")

    NAMED_BESIDE = ("medication_codeable_concept", "medication_reference", "contained")
    NEEDS_STATUS = True
    DOUBTED: ClassVar[tuple[str, ...]] = (
        *("somatostatin-analogues", "drug-octreotide", "drug-lanreotide", "drug-somatostatin-analogue"),
        *("prrt-procedures", "prrt"),
    )
    """The lists of the drugs whose unknown status leaves open whether one is given.

    Most statements of home medication have no known status: an acid blocker among them must not cast doubt on
    what is known of octreotide.
    """
    OF_NO_CONCERN: ClassVar[tuple[str, ...]] = ("entered-in-error",)
    """Statuses that say that nothing was ordered or taken, whatever the drug."""
    IN_FORCE: ClassVar[tuple[str, ...]] = ()

    @property
    def is_in_doubt(self) -> bool:
        """Whether it is not known if such a drug is given."""
        return self.stated_status == "unknown" and self.about.hits(*self.DOUBTED)

    def naming_concepts(self) -> list[CodeableConcept]:
        """The concepts of the drug."""
        return list(self.drug)

    def dosages(self) -> list[Dosage]:
        """What is said of the dosage."""
        return []

    def periods(self) -> Iterable[Period | None]:
        """The periods that say when it is taken, where no dosage does."""
        return ()

    def parts(self) -> Iterable[Element]:
        """Its dosages and their timings."""
        return [part for one in self.dosages() for part in (one, one.timing) if part]

    @property
    def authored(self) -> Moment | None:
        """When it was written."""
        return None

    @property
    def span(self) -> Span:
        """First start and last end that its dosages and its own period state."""
        spans = [one.timing.span for one in self.dosages() if one.timing]
        stated = [period.span for period in self.periods() if period]
        starts = [begin for begin, _end in spans if begin] or [begin for begin, _end in stated if begin]
        ends = [end for _begin, end in spans if end] or [end for _begin, end in stated if end]
        return min(starts, default=None), max(ends, default=None)

    @property
    def is_in_force(self) -> bool:
        """Whether the drug is ordered or taken now."""
        return self.status in self.IN_FORCE

    @property
    def is_for_home(self) -> bool:
        """Whether it is meant for use at home, or says what is taken there."""
        return False

    @property
    def is_only_meant(self) -> bool:
        """Drafted or intended: nobody has given the drug yet."""
        return self.status in ("draft", "intended")

    @property
    def is_of_no_concern(self) -> bool:
        """Whether it says that nothing was ordered or taken, whatever the drug."""
        return self.status in self.OF_NO_CONCERN

    @property
    def use(self) -> str:
        """The words on the drug, its form and its dosage."""
        parts = (words(list(self.drug)), self.form, *[one.words for one in self.dosages()])
        return "; ".join([part for part in parts if part])

    @property
    def text(self) -> str:
        """All words on the drug and its dosage."""
        notes = [one.text for one in self.note or ()]
        return "; ".join([part for part in (self.use, *notes) if part])


class MedicationRequest(OfMedication, kw_only=True):
    """https://hl7.org/fhir/R4/medicationrequest.html."""

    status: (
        Annotated[
            str,
            _one_of("active on-hold cancelled completed entered-in-error stopped draft unknown |"),
        ]
        | None
    ) = None
    intent: str | None = None
    do_not_perform: bool | None = None
    authored_on: When | None = None
    dosage_instruction: list[Dosage] | None = None
    dispense_request: DispenseRequest | None = None
    based_on: list[Reference] | None = None
    category: Concepts | None = None
    reported_boolean: bool | None = None

    TURNING = ("doNotPerform",)
    OTHER_RELEASES = {"medication": "R5"}
    DRAFT = "draft"
    IN_FORCE = ("active", "on-hold", "draft")
    OF_NO_CONCERN = ("cancelled", "entered-in-error")
    OFTEN_HIDDEN = (*IN_FORCE, "completed")

    def dosages(self) -> list[Dosage]:
        """The dosage instructions."""
        return self.dosage_instruction or []

    @property
    def authored(self) -> Moment | None:
        """When it was written."""
        return dates.parse(self.authored_on)

    def periods(self) -> Iterable[Period | None]:
        """When it may be dispensed."""
        return (self.dispense_request.validity_period if self.dispense_request else None,)

    @property
    def is_refusal(self) -> bool:
        """Whether it asks not to give the drug."""
        return self.do_not_perform is True

    @property
    def is_in_force(self) -> bool:
        """Ordered; a stored proposal is an idea that nobody has ordered yet."""
        is_idea = self.intent in ("proposal", "option")
        return not self.is_refusal and not is_idea and self.status in self.IN_FORCE

    @property
    def has_ended(self) -> bool:
        """Whether it is over or was never meant."""
        return self.status in ("stopped", "completed", *self.OF_NO_CONCERN)

    @property
    def is_for_home(self) -> bool:
        """By its category, or because it was only reported."""
        return self.reported_boolean is True or self.is_of_category("community", "discharge")

    def is_of_category(self, *codes: str) -> bool:
        """https://hl7.org/fhir/R4/valueset-medicationrequest-category.html."""
        stated = {coding.code for one in concepts(self.category) for coding in one.codings}
        return not stated.isdisjoint(codes)


class MedicationStatement(OfMedication, kw_only=True):
    """https://hl7.org/fhir/R4/medicationstatement.html."""

    status: (
        Annotated[
            str,
            _one_of("active completed entered-in-error intended stopped on-hold unknown not-taken"),
        ]
        | None
    ) = None
    effective_date_time: When | None = None
    effective_period: Period | None = None
    date_asserted: When | None = None
    dosage: list[Dosage] | None = None

    OTHER_RELEASES = {"medication": "R5", "taken": "STU3", "wasNotTaken": "DSTU2"}
    IN_FORCE = ("active", "intended", "on-hold")
    OF_NO_CONCERN = ("entered-in-error", "not-taken")

    def dosages(self) -> list[Dosage]:
        """The dosages."""
        return self.dosage or []

    @property
    def authored(self) -> Moment | None:
        """When it was asserted."""
        return dates.parse(self.date_asserted)

    def periods(self) -> Iterable[Period | None]:
        """When it is taken."""
        return (self.effective_period, Period(start=self.effective_date_time))

    @property
    def is_for_home(self) -> bool:
        """It says what the patient takes."""
        return True

    def happened(self) -> Moment | None:
        """When it is taken."""
        return _clinical_time(self.effective_date_time, self.effective_period)


class MedicationAdministration(OfMedication, kw_only=True):
    """https://hl7.org/fhir/R4/medicationadministration.html."""

    status: (
        Annotated[
            str,
            _one_of("in-progress not-done on-hold completed entered-in-error stopped unknown"),
        ]
        | None
    ) = None
    effective_date_time: When | None = None
    effective_period: Period | None = None
    dosage: Dosage | None = None

    OTHER_RELEASES = {
        "medication": "R5",
        "occurenceDateTime": "R5",
        "occurencePeriod": "R5",
        "notGiven": "STU3",
        "wasNotGiven": "DSTU2",
    }
    DONE = ("completed",)
    UNDER_WAY = IN_FORCE = ("in-progress",)
    OF_NO_CONCERN = ("entered-in-error", "not-done")

    def dosages(self) -> list[Dosage]:
        """The dosage."""
        return [self.dosage] if self.dosage else []

    def periods(self) -> Iterable[Period | None]:
        """When it is given."""
        return (self.effective_period, Period(start=self.effective_date_time))

    def happened(self) -> Moment | None:
        """When it was given."""
        return _clinical_time(self.effective_date_time, self.effective_period)


class Participant(Element, kw_only=True):
    """Who takes part in an appointment."""

    actor: Reference | None = None


_BOOKING = "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist"


class Appointment(Resource, kw_only=True):
    """https://hl7.org/fhir/R4/appointment.html. The reader sets ``ordered``: what its orders ask for."""

    status: Annotated[str, _one_of(f"{_BOOKING} |")] | None = None
    start: When | None = None
    end: When | None = None
    service_type: Concepts | None = None
    specialty: Concepts | None = None
    appointment_type: CodeableConcept | None = None
    reason_code: Concepts | None = None
    description: str | None = None
    comment: str | None = None
    participant: list[Participant] | None = None
    based_on: list[Reference] | None = None
    ordered: list[CodeableConcept] = msgspec.field(default_factory=list, name=" ordered")

    NAMED_BY = ("service_type", "specialty", "reason_code", "appointment_type", "ordered")
    NAMED_IN = ("description", "comment")
    PARTS = ("participant",)
    OTHER_RELEASES = {"reason": "DSTU2, STU3, R5", "class": "R5"}
    NEEDS_STATUS = True
    DRAFT = "proposed"
    OFTEN_HIDDEN = ("proposed", "pending", "booked")

    def whose(self) -> Iterable[Reference]:
        """Only a Patient among the participants says whose appointment it is."""
        actors = [one.actor for one in self.participant or () if one.actor]
        return [one for one in actors if "Patient/" in (one.reference or "")]

    @property
    def label(self) -> str:
        """The one name to show."""
        own = label(self.service_type) or self.description or label(self.reason_code)
        return own or label(self.ordered)

    @property
    def span(self) -> Span:
        """When it begins and ends."""
        return dates.parse(self.start), dates.parse(self.end)

    def happened(self) -> Moment | None:
        """When it begins."""
        return dates.parse(self.start)

    @property
    def is_booked(self) -> bool:
        """Whether it is still to come, as far as its status says."""
        return self.status in (*self.OFTEN_HIDDEN, "arrived", "checked-in", "waitlist")

    @property
    def is_planned(self) -> bool:
        """Whether it is still to come."""
        return self.is_booked

    @property
    def took_place(self) -> bool:
        """Whether it may be over by now."""
        return self.status in ("booked", "arrived", "checked-in", "fulfilled")


class DocumentContent(Element, kw_only=True):
    """A form in which a document is there."""

    attachment: Attachment | None = None


class DocumentReference(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/documentreference.html."""

    status: str | None = None
    type: CodeableConcept | None = None
    category: Concepts | None = None
    description: str | None = None
    date: When | None = None
    content: list[DocumentContent] | None = None

    NAMED_BY = ("type", "category")
    NOTES_MATTER = True
    IS_REPORT = True
    DONE = ("current",)

    def naming_texts(self) -> Iterable[str | None]:
        """What it is described as, and the titles of its files."""
        return (self.description, *[one.title for one in self.attachments()])

    def attachments(self) -> Iterable[Attachment]:
        """The document in each of its forms."""
        return [one.attachment for one in self.content or () if one.attachment]

    def happened(self) -> Moment | None:
        """When it was written."""
        return dates.parse(self.date)


class CarePlan(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/careplan.html."""

    status: str | None = None
    title: str | None = None
    description: str | None = None
    category: Concepts | None = None
    period: Period | None = None
    created: When | None = None
    note: list[Annotation] | None = None

    NAMED_BY = ("category",)
    NAMED_IN = ("title", "description")
    NOTES_MATTER = True
    DONE = ("active", "completed")
    UNDER_WAY = ("active",)

    def happened(self) -> Moment | None:
        """When it ends or begins, else when it was written."""
        return _clinical_time(None, self.period, self.created)

    @property
    def is_to_follow(self) -> bool:
        """Whether it is to be followed, now or once it is agreed."""
        return self.status in ("active", "draft")


class CompositionSection(Element, kw_only=True):
    """A section of a document."""

    title: str | None = None
    text: Narrative | None = None


class Composition(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/composition.html."""

    status: str | None = None
    type: CodeableConcept | None = None
    title: str | None = None
    date: When | None = None
    section: list[CompositionSection] | None = None

    NAMED_BY = ("type",)
    NAMED_IN = ("title",)
    NOTES_MATTER = True
    IS_REPORT = True
    DONE = ("final", "amended", "preliminary")

    def narratives(self) -> Iterable[str | None]:
        """The titles and texts of its sections."""
        parts = [(one.title, one.text.text if one.text else "") for one in self.section or ()]
        return [text for part in parts for text in part]

    def happened(self) -> Moment | None:
        """When it was written."""
        return dates.parse(self.date)


class Hospitalization(Element, kw_only=True):
    """How a stay in hospital ended."""

    discharge_disposition: CodeableConcept | None = None


class Encounter(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/encounter.html; ``encounter_class`` names it where nothing else does."""

    status: str | None = None
    encounter_class: Any = msgspec.field(default=None, name="class")
    type: Concepts | None = None
    service_type: CodeableConcept | None = None
    reason_code: Concepts | None = None
    hospitalization: Hospitalization | None = None
    period: Period | None = None

    NAMED_BY = ("type", "service_type", "reason_code")
    OTHER_RELEASES = {"reason": "DSTU2, STU3, R5", "actualPeriod": "R5"}
    DONE = ("finished", "in-progress", "arrived")

    def naming_concepts(self) -> list[CodeableConcept]:
        """Its type, service and reasons, and where the patient was discharged to."""
        left = self.hospitalization.discharge_disposition if self.hospitalization else None
        named = [one for name in self.NAMED_BY for one in concepts(getattr(self, name))]
        return [*named, left] if left else named

    def naming_texts(self) -> Iterable[str | None]:
        """That it has a class, which every encounter has."""
        return ("encounter",) if self.encounter_class and not self.naming_concepts() else ()

    def happened(self) -> Moment | None:
        """When it ended or began."""
        return _clinical_time(None, self.period)

    @property
    def is_now(self) -> bool:
        """Whether the patient is there."""
        return self.status in ("arrived", "triaged", "in-progress")


class AllergyReaction(Element, kw_only=True):
    """One reaction to the substance."""

    manifestation: Concepts | None = None
    description: str | None = None
    severity: str | None = None


class AllergyIntolerance(Resource, kw_only=True):
    """https://hl7.org/fhir/R4/allergyintolerance.html."""

    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    patient: Reference | None = None
    type: str | None = None
    recorded_date: When | None = None
    reaction: list[AllergyReaction] | None = None
    note: list[Annotation] | None = None

    NAMED_BY = ("code",)
    WHOSE = "patient"
    NOTES_MATTER = True

    @property
    def recorded(self) -> Moment | None:
        """The date of recording."""
        return dates.parse(self.recorded_date)

    @property
    def manifestations(self) -> str:
        """The reactions in words."""
        told = [text for one in self.reaction or () for text in (words(one.manifestation), one.description)]
        return "; ".join(filter(None, told))

    @property
    def is_severe(self) -> bool:
        """Whether a reaction is called severe."""
        return any(one.severity == "severe" for one in self.reaction or ())

    def narratives(self) -> Iterable[str | None]:
        """Its reactions are what it found."""
        return [self.manifestations]

    @property
    def is_held(self) -> bool:
        """Whether it stands: neither resolved nor refuted."""
        stated = [one for one in (self.clinical_status, self.verification_status) if one]
        return not any(one.code_of(_NOT_HELD) for one in stated)


_NOT_HELD = frozenset({"resolved", "inactive", "refuted", "entered-in-error"})


class Flag(OfPatient, kw_only=True):
    """https://hl7.org/fhir/R4/flag.html."""

    status: str | None = None
    code: CodeableConcept | None = None
    period: Period | None = None

    NAMED_BY = ("code",)
    DONE = ("active",)


_READ = (
    *(Patient, Condition, Observation, Procedure, DiagnosticReport, ImagingStudy, ServiceRequest),
    *(MedicationRequest, MedicationStatement, MedicationAdministration, Medication, Appointment),
    *(DocumentReference, CarePlan, Composition, Encounter, AllergyIntolerance, Flag),
)
TYPES: Mapping[str, type[Resource]] = {one.__name__: one for one in _READ}
"""Name of a resource type -> its class."""

for _type in TYPES.values():
    # msgspec works out a class at its first use, and ends the process if two threads do so at once.
    msgspec.json.Decoder(_type)

TYPES_OF_OTHER_RELEASES: Mapping[str, str] = {
    **dict.fromkeys(("ProcedureRequest", "ReferralRequest"), "STU3"),
    **dict.fromkeys(("MedicationOrder", "DiagnosticOrder", "Order"), "DSTU2"),
    "MedicationUsage": "R5",
}
"""Types that are no type of R4 -> the release that has them."""
