"""Every phrase of the vocabulary; importing the package fills the table."""

from fhir_fixtures.phrases import (
    documents,
    measurements,
    orders,
    patient,
    states,
    treatment,
    tumour,
)

__all__ = ["documents", "measurements", "orders", "patient", "states", "treatment", "tumour"]
