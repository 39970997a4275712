"""What outlives a hook call: issued cards, feedback on them, and the ids of tokens already used.

https://cds-hooks.hl7.org/2.0/#feedback

An embedded SQLite file by default, PostgreSQL by URL. Nothing here names a patient or a user: where
"the same clinician for the same patient" matters, a keyed digest stands for them (``memory``).

==============  ==========================================================================
``database``    open the store, create and migrate its tables, translate its errors
``postgresql``  connections that do not wait long for an answer
``tables``      the tables
``issued``      cards that were shown, written by a thread beside the hot path
``feedback``    what became of them, acknowledged only once it is on disk
``tokens``      each JWT is good for one call
``memory``      which advice was declined, accepted or shown lately for a patient
``retention``   delete what is older than the operator keeps
``report``      acceptance and override rates of each rule
``secret``      the key of the digests
``commands``    ``python -m service feedback ...`` and ``migrate``
==============  ==========================================================================
"""
