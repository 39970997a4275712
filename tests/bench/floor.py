"""The floor: the least that any Flask service could do with the same body under the same server.

It parses the body with orjson and answers a constant as long as the answer of the service, which is told
in the path: ``python -m tests.bench.floor PORT``. The settings of the service, such as
``NET_CDS_WORKERS``, count here too.
"""

from __future__ import annotations

import os
import sys
from functools import cache

import orjson
from flask import Flask, Response, request

from service.config import read_settings
from service.server import serve


def floor_application() -> Flask:
    application = Flask("floor")

    @application.post("/cds-services/<int:answer_bytes>")
    def answer_constant(answer_bytes: int) -> Response:
        orjson.loads(request.get_data())
        return Response(constant(answer_bytes), mimetype="application/json")

    @application.get("/cds-services")
    def discover() -> Response:
        return Response(b'{"services":[]}', mimetype="application/json")

    return application


@cache
def constant(length: int) -> bytes:
    """JSON of this many bytes; without a card there is nothing to fill."""
    filling = length - len(b'{"cards":[],"filling":""}')
    return orjson.dumps({"cards": [], "filling": "x" * filling} if filling >= 0 else {"cards": []})


if __name__ == "__main__":
    serve(read_settings(os.environ), "127.0.0.1", int(sys.argv[1]), load=floor_application)
