"""What ordinary charts hold, that has nothing to do with a neuroendocrine tumour.

Codes and names as in ICD-10-CM (https://www.cdc.gov/nchs/icd/icd-10-cm/) and LOINC (https://loinc.org).
"""

from __future__ import annotations

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"

CONDITIONS = (
    ("I10", "Essential (primary) hypertension"),
    ("E11.9", "Type 2 diabetes mellitus without complications"),
    ("E78.5", "Hyperlipidemia, unspecified"),
    ("J45.909", "Unspecified asthma, uncomplicated"),
    ("M54.50", "Low back pain, unspecified"),
    ("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
    ("N39.0", "Urinary tract infection, site not specified"),
    ("E03.9", "Hypothyroidism, unspecified"),
    ("H52.4", "Presbyopia"),
    ("I48.91", "Unspecified atrial fibrillation"),
)
RESULTS = (
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", 138.0, "mmol/L", 135.0, 145.0),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", 4.0, "mmol/L", 3.5, 5.1),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", 0.9, "mg/dL", 0.6, 1.3),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 13.5, "g/dL", 12.0, 16.0),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", 96.0, "mg/dL", 70.0, 110.0),
    ("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", 2.1, "m[IU]/L", 0.4, 4.5),
)
"""Code, name, lowest value, unit, and the range that is printed beside it."""

DRUGS = (
    "metformin 500 mg tablet",
    "lisinopril 10 mg tablet",
    "atorvastatin 20 mg tablet",
    "levothyroxine 50 microgram tablet",
)
