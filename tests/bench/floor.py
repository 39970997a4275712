"""The floor: the least that any Flask service could do with the same body under the same server.

It parses the body with orjson and answers a constant as long as a real answer:
``python -m tests.bench.floor PORT BYTES_OF_ANSWER``. The settings of the service, such as
``NET_CDS_WORKERS``, count here too.
"""

from __future__ import annotations

import os
import sys

import orjson
from flask import Flask, Response, request

from service.config import read_settings
from service.server import serve


def floor_application(answer_bytes: int) -> Flask:
    application = Flask("floor")
    answer = orjson.dumps({"cards": [], "filling": "x" * max(0, answer_bytes - 26)})

    @application.post("/cds-services/<service_id>")
    def answer_constant(service_id: str) -> Response:
        orjson.loads(request.get_data())
        return Response(answer, mimetype="application/json")

    @application.get("/cds-services")
    def discover() -> Response:
        return Response(b'{"services":[]}', mimetype="application/json")

    return application


if __name__ == "__main__":
    port, answer_bytes = int(sys.argv[1]), int(sys.argv[2])
    serve(read_settings(os.environ), "127.0.0.1", port, load=lambda: floor_application(answer_bytes))
