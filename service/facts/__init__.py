"""All that the rules know: functions of one patient, one question each.

A fact is written ``@fact def grading(patient: Patient) -> Grading``; :mod:`service.facts.patient` says how it
is kept. Which module answers which question is said by its name.
"""
