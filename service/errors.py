"""Every error that the service raises on purpose.

::

    ServiceError
    ├── RequestError              the caller can mend it
    │   ├── MalformedRequest      says where (JSON path) and what to do
    │   ├── RequestTooLarge
    │   ├── UnsupportedMediaType
    │   ├── NotAuthenticated      the public text gives no reason
    │   ├── NotPermitted
    │   ├── NotLocal              an open service answers this machine only
    │   ├── UnknownService
    │   └── MissingData           needed FHIR data neither sent nor readable
    ├── StoreUnavailable          the database cannot be reached
    ├── ContentError              cards/ is wrong; lists every problem
    ├── ConfigurationError        a setting is wrong; lists every problem
    └── InputFileError            a file given on the command line cannot be used

HTTP status codes live in :mod:`service.web.errors`, exit codes in :mod:`service.__main__`.
No message may hold patient data, a token or a path of the server.
"""

from __future__ import annotations

from collections.abc import Iterable


class ServiceError(Exception):
    """The root: catching it catches every error that the service raises on purpose."""


class RequestError(ServiceError):
    """The request cannot be answered as it is."""


class MalformedRequest(RequestError):
    """The request breaks the CDS Hooks contract; ``path`` is the JSON path of the fault."""

    def __init__(self, message: str, *, path: str = "$") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class RequestTooLarge(RequestError):
    """The body is larger than the service reads."""


class UnsupportedMediaType(RequestError):
    """The body is declared as something that is clearly not JSON."""


class NotAuthenticated(RequestError):
    """The caller could not be identified; ``reason`` and ``details`` are for the log, never for the answer.

    ``details`` say what was looked at and what was expected, by names of the JWT. ``challenge`` is how to
    send what identifies: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1.
    """

    def __init__(self, reason: str, *, challenge: str = "Bearer", **details: object) -> None:
        super().__init__("Authentication failed.")
        self.reason = reason
        self.challenge = challenge
        self.details = details


class NotPermitted(RequestError):
    """The caller is known and may not do this."""


class NotLocal(RequestError):
    """While nobody has to say who calls, only programs on this machine are answered."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Without registered EHRs only this machine is answered: {reason}.")
        self.reason = reason


class UnknownService(RequestError):
    """No CDS service has this id."""


class MissingData(RequestError):
    """FHIR data without which no honest answer exists was neither sent nor readable."""


class StoreUnavailable(ServiceError):
    """The store could not be read or written."""


class _Problems(ServiceError):
    """An error that reports all problems at once, one a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class ContentError(_Problems):
    """The clinical content under cards/ cannot be used."""


class ConfigurationError(_Problems):
    """The settings cannot be used."""


class InputFileError(ServiceError):
    """A file named on the command line cannot be used; the message says why and what to do."""
