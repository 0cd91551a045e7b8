"""What a chapter becomes for programs that know Markdown alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools.live import wheel
from tools.site import downloads
from tools.site.plain import ADDRESS, NotOnThePage, Page, plain

PAGE = Page(
    "book/02_two.html",
    """
<div class="math" id="equation-eq-two"><span class="eqno">(2.1)<a href="#x">#</a></span></div>
<div class="proof theorem" id="thm-two"><p><span class="caption-number">Theorem 2.1 </span></p>
<div class="exercise" id="ex-two"><p><span class="caption-number">Exercise 2.1 </span> (Two)</p>
<figure id="fig-two"><span class="caption-number">Figure 2.1 </span></figure>
<a class="reference internal" href="01_one.html#equation-eq-one">(1.1)</a>
<a class="reference internal" href="01_one.html#thm-one">Theorem 1.1</a>
<a class="reference internal" href="glossary.html#term-mean-KL"><span>mean KL</span></a>
<a class="reference internal" href="01_one.html"><span>The one</span></a>
<span class="bibtex-citation" id="id1">Amari [<a class="reference internal"
 href="x">y</a><a class="reference internal" href="references.html#id7">1998</a>]</span>
""".replace('<a class="reference internal"\n href="x">y</a>', ""),
)
ONE = f"{ADDRESS}book/01_one.html"
SMALL = [
    (r"By {eq}`eq-one`.", rf"By [(1.1)]({ONE}#equation-eq-one)."),
    ("See {prf:ref}`thm-one`.", f"See [Theorem 1.1]({ONE}#thm-one)."),
    ("{doc}`01_one`, {doc}`1 <01_one>`", f"[The one]({ONE}), [1]({ONE})"),
    ("the {term}`KL <mean KL>`", f"the [KL]({ADDRESS}book/glossary.html#term-mean-KL)"),
    ("{cite:t}`amari`", f"Amari [[1998]({ADDRESS}book/references.html#id7)]"),
    ("$$x$$ (eq-two)", r"$$x\tag{2.1}$$"),
    ("(sec-x)=\n## X", "## X"),
    (
        "````{prf:theorem} Two\n:label: thm-two\n\nTrue.\n```{dropdown} Hint\nThink.\n```\n````",
        "**Theorem 2.1** (Two). True.\n"
        "<details><summary>Hint</summary>\n\nThink.\n\n</details>",
    ),
    ("```{prf:proof}\nObvious.\n```", "*Proof.* Obvious. ∎"),
    ("```{exercise-start} Two\n:label: ex-two\n```\nDo.", "**Exercise 2.1** (Two)\n\nDo."),
    ("```{list-table}\n* - a\n  - b\n* - c\n  - d\n```", "| a | b |\n| --- | --- |\n| c | d |"),
]  # fmt: skip


def notebook(*cells: str | tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Markdown cells, and code cells with their metadata."""
    made = [
        nbformat.v4.new_markdown_cell(cell)
        if isinstance(cell, str)
        else nbformat.v4.new_code_cell(cell[0], metadata=cell[1])
        for cell in cells
    ]
    return json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=made)))


def sources(found: dict[str, Any]) -> list[str]:
    return [cell["source"] for cell in found["cells"]]


@pytest.mark.parametrize("text, expected", SMALL, ids=range(len(SMALL)))
def test_directives_and_roles_become_plain_markdown(text: str, expected: str) -> None:
    cited = "" if "cite" in text else "{cite:t}`amari`"
    found = sources(plain(notebook(text, cited), PAGE))
    assert found[0] == expected


def test_a_solution_is_folded_in_every_cell_that_it_spans() -> None:
    found = plain(
        notebook(
            "{cite:t}`amari`\n```{solution-start} ex-two\n```\nThink.",
            ("answer = 2", {"jupyter": {"source_hidden": True}}),
            "And so on.\n```{solution-end}\n```\n## Next",
        ),
        PAGE,
    )
    first, code, last = found["cells"]
    assert first["source"].endswith("<details><summary>Solution</summary>\n\nThink.\n\n</details>")
    assert code["metadata"]["jupyter"] == {"source_hidden": True}
    assert "And so on.\n\n</details>" in last["source"] and last["source"].endswith("## Next")


def test_a_caption_follows_its_figure() -> None:
    figure = {"mystnb": {"figure": {"name": "fig-two", "caption": "See {prf:ref}`thm-one`."}}}
    found = plain(notebook("{cite:t}`amari`", ("draw()", figure)), PAGE)
    nbformat.validate(nbformat.from_dict(found))
    assert sources(found)[2] == f"**Figure 2.1.** See [Theorem 1.1]({ONE}#thm-one)."
    assert found["cells"][1]["metadata"] == {}


@pytest.mark.parametrize(
    "text", ["{eq}`eq-three`", "$$x$$ (eq-three)", "{cite:t}`a` {cite:t}`b`", "```{new}\n```", ""]
)
def test_what_the_page_does_not_know_is_an_error(text: str) -> None:
    """A role, a number, a citation too many or too few, a directive without a plain form."""
    with pytest.raises(NotOnThePage):
        plain(notebook(text), PAGE)


def test_a_downloaded_notebook_gets_npgkit_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a wheel of the address that the page's script fills in, or of the one in _config.yml."""
    monkeypatch.setattr(downloads, "notebooks", lambda site: {"book/02_two": notebook("# Two")})
    (tmp_path / "_sources" / "book").mkdir(parents=True)
    for home in (ADDRESS, "https://example.org/npg/"):
        downloads.write(tmp_path, home)
        found = nbformat.read(tmp_path / "_sources" / "book" / "02_two.ipynb", as_version=4)
        nbformat.validate(found)
        assert f"{home}book/02_two.html" in found.cells[0].source
        get = found.cells[1].source
        assert f'%pip install -q "npgkit[lab,train] @ {home}_static/live/{wheel.name()}"' in get
        assert found.cells[2].source == "# Two"
