from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import ContentError
from service.facts.defaults import load_defaults
from tests.asking import CARDS


def test_a_site_that_would_see_no_card_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text('[most_cards]\nvalue = 0\nunit = "cards"\nreason = "none"\n', encoding="utf-8")

    with pytest.raises(ContentError, match=r"limits.toml: most_cards.value must be at least 1"):
        load_defaults(CARDS / "defaults.toml", path)
