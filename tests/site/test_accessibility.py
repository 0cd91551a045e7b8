"""axe-core finds nothing serious on any page, light on a desk or dark on a telephone."""

from __future__ import annotations

import pytest

from tests.site.browser import AXE, Visit, unavailable, unfold
from tests.site.pages import MADE, PAGES, PHONE, views

pytestmark = [pytest.mark.site, pytest.mark.browser]

LOOKED_AT = [*PAGES, *MADE]
BOTH_THEMES = views(LOOKED_AT, "light") + views(LOOKED_AT, "dark", PHONE)


@pytest.mark.parametrize("seen", BOTH_THEMES, ids=str, indirect=True)
def test_no_serious_finding(seen: Visit) -> None:
    if not AXE.is_file():
        unavailable("axe-core is missing: run `python -m tools.site.vendor`")
    unfold(seen.page)
    seen.page.add_script_tag(content=AXE.read_text("utf-8"))
    result = seen.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    assert result["testEngine"]["name"] == "axe-core"
    serious = [
        f"{found['impact']} {found['id']}\n    {node['html'][:300]}\n    {node['failureSummary']}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"][:3]
    ]
    assert not serious, "\n".join(serious)
