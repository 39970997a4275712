"""The names of the hooks that are answered, for whoever asks which hook was fired.

https://cds-hooks.hl7.org/2.0/#hooks. What each of them brings is said in ``service/hooks/hooks.py``.
"""

from __future__ import annotations

PATIENT_VIEW = "patient-view"
ORDER_SELECT = "order-select"
ORDER_SIGN = "order-sign"
APPOINTMENT_BOOK = "appointment-book"
ENCOUNTER_START = "encounter-start"
ENCOUNTER_DISCHARGE = "encounter-discharge"

ALL_HOOKS = frozenset(
    {PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN, APPOINTMENT_BOOK, ENCOUNTER_START, ENCOUNTER_DISCHARGE}
)
ORDER_HOOKS = frozenset({ORDER_SELECT, ORDER_SIGN})
