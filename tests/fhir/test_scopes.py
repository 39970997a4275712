from __future__ import annotations

import pytest

from service.fhir.scopes import Permission, permission


@pytest.mark.parametrize(
    ("scopes", "search", "read"),
    [
        ("", "all", "all"),
        ("   ", "all", "all"),
        ("user/Observation.read", "all", "all"),
        ("patient/Observation.read", "all", "all"),
        ("system/Observation.read", "all", "all"),
        ("user/*.read", "all", "all"),
        ("user/*.*", "all", "all"),
        ("user/Observation.*", "all", "all"),
        ("user/Observation.rs", "all", "all"),
        ("user/Observation.cruds", "all", "all"),
        ("user/Observation.r", "none", "all"),
        ("user/Observation.s", "all", "none"),
        ("user/Observation.cud", "none", "none"),
        ("user/Observation.write", "none", "none"),
        ("user/Condition.read", "none", "none"),
        ("user/Observations.read", "none", "none"),
        ("openid fhirUser user/Condition.read", "none", "none"),
        ("user/Condition.read,user/Procedure.read", "none", "none"),
        ("user/Condition.read, user/Observation.read", "all", "all"),
        # Not understood: the FHIR server decides.
        ("user/observation.read", "all", "all"),
        ("user/Observation.sr", "all", "all"),
        ("user/Observation.", "all", "all"),
        ("user/Observation", "all", "all"),
        ("other/Observation.read", "all", "all"),
        ("openid fhirUser launch", "all", "all"),
        ("launch", "all", "all"),
        ("CONDITION.READ Observation.Read (Labs) (R4)", "all", "all"),
        ("CONDITION.READ user/Condition.read", "all", "all"),
        ("EPIC.FHIR.R4.SERVICES.MEDICATIONREQUEST.CREATE", "all", "all"),
        ("user/Condition.Read", "all", "all"),
        ("patient.Condition.read", "all", "all"),
        ("user/Observation.rs?category=laboratory,imaging", "part", "part"),
        ("launch user/Condition.rs patient/Observation.rs", "all", "all"),
        ("user/Observation.rs?category=laboratory", "part", "part"),
        ("user/*.rs?x=y", "part", "part"),
        ("user/Observation.rs?category=laboratory user/Observation.s", "all", "part"),
    ],
)
def test_what_scopes_permit(scopes: str, search: str, read: str) -> None:
    assert permission(scopes, "Observation", search=True) is Permission(search)
    assert permission(scopes, "Observation", search=False) is Permission(read)
