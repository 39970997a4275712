from __future__ import annotations

from typing import Any

import pytest

from service.__main__ import main
from service.commands import serve as command


@pytest.mark.parametrize(
    ("arguments", "environment", "public_url"),
    [
        (["--port", "8123"], {}, "http://127.0.0.1:8123"),
        (["--host", "::1", "--port", "8123"], {}, "http://[::1]:8123"),
        (["--port", "8123"], {"NET_CDS_PUBLIC_URL": "https://cds.example.org"}, "https://cds.example.org"),
        (["--port", "8123"], {"NET_CDS_AUTH": "off"}, "http://127.0.0.1:8000"),
    ],
)
def test_cards_lead_to_the_port_that_is_listened_on(
    arguments: list[str], environment: dict[str, str], public_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(command, "serve", lambda settings, host, port: served.append(settings))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", *arguments]) == 0
    assert served[0].public_url == public_url
