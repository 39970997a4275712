"""Each JWT is good for one call, whichever worker gets it.

https://cds-hooks.hl7.org/2.0/#trusting-cds-clients (``jti``)
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from service.store.database import Store, in_utc, insert_one, writing
from service.store.tables import SEEN_TOKEN


def remember_token(store: Store, issuer: str, jti: str, expires_at: datetime) -> bool:
    """Note that the token was used; False when it had been used before.

    Holds across workers and restarts. Rows are deleted some time after ``expires_at`` (with its zone), when
    the token is refused for its age. Raises StoreUnavailable.
    """
    row = {"digest": _digest(issuer, jti), "expires_at": in_utc(expires_at)}
    with writing(store) as connection:
        return insert_one(connection, SEEN_TOKEN, row)


def _digest(issuer: str, jti: str) -> str:
    # A JSON array keeps the two apart. json and not orjson, because a jti may hold half a surrogate pair.
    return hashlib.sha256(json.dumps([issuer, jti]).encode()).hexdigest()
