"""What a student types leads to the section that answers it, first of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.site.browser import Visit
from tests.site.pages import View

pytestmark = [pytest.mark.site, pytest.mark.browser]

PLACE = ".bd-search-container"

ANSWERS = {
    "fisher": "04_fisher",
    "fisher information": "04_fisher",
    "GAE lambda": "10_sampling.html#thm-gae",
    "damping": "08_conjugate_gradient.html#damping",
    "line search": "09_trust_region",
    "why is the KL zero": "04_fisher.html#why-is-the-kl-always-zero",
    "step size epsilon": "05_natural_gradient",
    "conjugate gradient residual": "08_conjugate_gradient",
    "natural gradient invariance": "05_natural_gradient.html#prop-natural-invariance",
    "policy gradient theorem": "01_policy_gradient.html#thm-policy-gradient",
    "baseline": "01_policy_gradient.html#cor-baseline",
    "ppo clip": "13_beyond.html#the-clip-is-not-a-wall",
    "k-fac": "13_beyond",
    "softmax table": "06_tables",
    "plateau": "07_the_plateau",
    "hessian vector product": "04_fisher.html#prop-fisher-product",
    "how many rows": "11_noise",
    "how many seeds": "12_in_practice.html#how-many-seeds-and-which-mean",
    "Pinsker": "09_trust_region.html#lem-pinsker",
    "trust region": "09_trust_region",
    "reward scale": "12_in_practice",
    "entropy": "13_beyond.html#entropy-as-a-reward",
    "how to install": "index.html#how-to-read-and-how-to-run",
}


@pytest.fixture(scope="module")
def search(visit: Any) -> Iterator[Visit]:
    with visit(View("search.html")) as seen:
        yield seen


def results(seen: Visit, query: str) -> list[str]:
    address = seen.page.url.partition("?")[0]
    seen.page.goto(f"{address}?q={quote(query)}")
    seen.page.wait_for_selector(f"{PLACE} .npg-results li")
    found: list[str] = seen.page.evaluate(
        f"Array.from(document.querySelectorAll('{PLACE} .npg-results a'), a => a.href)"
    )
    return found


@pytest.mark.parametrize("query", ANSWERS)
def test_a_students_query_finds_its_answer_first(search: Visit, query: str) -> None:
    assert ANSWERS[query] in results(search, query)[0]


def test_the_words_of_a_term_are_searched(site: Path) -> None:
    """A link to the glossary is text like any other, and punctuation follows it at once."""
    index = json.loads((site / "_static" / "search-index.json").read_text("utf-8"))
    [chapter] = [entry for entry in index if entry["url"] == "book/05_natural_gradient.html"]
    assert "this one gains most in the linear model. Stretch" in chapter["text"]


def test_a_misspelt_word_is_found_all_the_same(search: Visit) -> None:
    assert any("plateau" in address for address in results(search, "plataeu")[:3])


def test_a_word_that_is_nowhere_says_so(search: Visit) -> None:
    assert results(search, "xylophone") == []
    assert "Nothing found" in search.page.locator(f"{PLACE} .npg-results").inner_text()


def test_a_query_with_markup_is_text(search: Visit) -> None:
    """What is typed never becomes part of the page."""
    results(search, "fisher <img src=x onerror=alert(1)>")
    assert search.page.locator(".npg-results img").count() == 0


def test_a_search_that_failed_says_so_and_can_be_repeated(visit: Any) -> None:
    with visit(View("search.html")) as seen:
        seen.page.route("**/search-index.json", lambda route: route.abort())
        field = seen.page.locator(f"{PLACE} input")
        field.fill("fisher")
        seen.page.wait_for_selector(f"{PLACE} .npg-results li:has-text('could not be fetched')")
        seen.page.unroute("**/search-index.json")
        field.fill("damping")
        seen.page.wait_for_selector(f"{PLACE} .npg-results a")


def test_the_results_are_counted_for_a_screen_reader(search: Visit) -> None:
    results(search, "damping")
    search.page.wait_for_selector(f"{PLACE} [role=status]:text-matches('results$')")
