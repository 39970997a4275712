"""Many patients at once: which cards a hospital would have had, for whom, and what could not be read.

The same rules as in a hook call, over files. :mod:`.sources` says what the files hold, :mod:`.grouping` and
:mod:`.spark` bring together what belongs to one patient, :mod:`.assess` asks the rules and :mod:`.results`
writes.
"""
