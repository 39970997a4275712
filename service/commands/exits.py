"""The exit codes of every command, for scripts and continuous integration."""

from __future__ import annotations

DONE = 0
"""Nothing to object: done, ready, conformant, current."""

FINDINGS = 1
"""Done, and there is something to mend; of ``doctor``: ready with limits."""

NOT_READY = 2
"""Of ``doctor``: the FHIR server cannot be used; of ``config check``: some EHR could not call."""

UNUSABLE = 3
"""Not done: a wrong argument, file, setting or content, or a server that does not answer."""

INTERRUPTED = 130
"""Stopped from the keyboard, as shells count it."""

READER_LEFT = 141
"""Whoever read the output has left, as shells count it; what the command would have said is not known."""
