"""Figures: compact, repeatable, readable on any background, and true to the numbers they draw."""

import colorsys
import re
from itertools import combinations
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from npgkit.lab import plots
from npgkit.lab.drawing import compact, policy_pictures, render, style

WHITE, NIGHT = "#ffffff", "#121212"
START = plots.logit([0.8, 0.1])


def hill(theta):
    return float(np.tanh(theta).sum())


def bowl(theta):
    return float(np.sum((theta - START) ** 2))


def scene(radius=0.5, landscape=None):
    fig, both = plots.two_spaces(landscape)
    plots.ball(both, plots.Ball(bowl, START), radius, "kl", label="KL ball")
    plots.step(both, START, START + 0.5, "natural")
    plots.path(both, [START, START + 0.2, START + np.array([0.4, 0.1])], "euclidean")
    plots.point(both, START)
    plots.legend(fig)
    return fig


def luminance(colour):
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in rgb]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(a, b):
    bright, dim = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


# ---- The style --------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [WHITE, NIGHT])
@pytest.mark.parametrize("colour", [*plots.COLOURS.values(), plots.QUIET])
def test_every_colour_stands_out_from_light_and_dark_pages(colour, background):
    assert contrast(colour, background) >= 3.0  # WCAG 1.4.11, graphical objects


def test_methods_differ_by_hue_by_marker_and_by_line():
    assert set(plots.METHODS) == {"euclidean", "kl", "natural", "trust_region"}
    for a, b in combinations(plots.METHODS.values(), 2):
        assert a["marker"] != b["marker"]
        assert a["linestyle"] != b["linestyle"]
        hues = [
            colorsys.rgb_to_hls(*(int(m["color"][i : i + 2], 16) / 255 for i in (1, 3, 5)))[0]
            for m in (a, b)
        ]
        distance = abs(hues[0] - hues[1])
        assert min(distance, 1 - distance) > 0.09


def test_an_unknown_method_is_refused_with_the_known_ones():
    _fig, both = plots.two_spaces()
    with pytest.raises(ValueError, match="euclidean, kl, natural, trust_region; got 'newton'"):
        plots.step(both, START, START, "newton")


def test_importing_plots_applies_the_style():
    assert matplotlib.rcParams["svg.hashsalt"] == "npgkit"
    assert matplotlib.rcParams["text.color"] == style.INK


# ---- The drawing on the page ------------------------------------------------------------------


def test_an_svg_is_named_scales_and_carries_no_size_of_its_own():
    root = ElementTree.fromstring(render.svg(scene(), 'two "panels" & <more>\n of them'))
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'two "panels" & <more> of them'
    assert root.get("viewBox") == "0 0 460.8 262.8"
    assert root.get("width") is root.get("height") is None
    assert "width:100%" in root.get("style")


def test_an_svg_takes_text_and_background_colour_from_the_page():
    svg = render.svg(scene(), "x")
    assert "currentColor" in svg
    assert "--pst-color-background" in svg
    assert style.INK not in svg and style.PAPER not in svg
    assert not re.search(r"#000000|#ffffff|black|white", svg)


def test_an_svg_brings_no_style_sheet_into_the_page():
    """A style sheet inside an inlined SVG would apply to the whole page."""
    assert "<style" not in render.svg(scene(), "x")


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_a_figure_saved_as_a_file_has_a_white_ground(tmp_path, format):
    """Whatever shows the file may be dark, and the text in it is nearly black."""
    file = tmp_path / f"figure.{format}"
    scene().savefig(file)
    pixels = np.asarray(Image.open(file).convert("RGBA"))
    assert (pixels[..., 3] == 255).all()
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()


def test_a_figure_saved_as_svg_has_a_white_ground(tmp_path):
    scene().savefig(tmp_path / "figure.svg")
    drawing = ElementTree.parse(tmp_path / "figure.svg").getroot()
    ground = next(e for e in drawing.iter() if e.tag.endswith("}path"))
    assert "fill: #ffffff" in ground.get("style")
    assert [round(float(x)) for x in re.findall(r"[\d.]+", ground.get("d"))[:6]] == [
        0, 263, 461, 263, 461, 0,
    ]  # fmt: skip


def test_an_svg_is_the_same_bytes_at_every_run():
    assert render.svg(scene(), "x") == render.svg(scene(), "x")


def test_ids_of_different_figures_never_collide():
    """Each reference leads to an id of its own figure; only shared backdrops share ids."""
    figures = [render.svg(scene(r), "x") for r in (0.1, 0.2, 0.3)]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in figures]
    for svg, own in zip(figures, ids, strict=True):
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
        assert used and used <= own
    # What a backdrop shares is the same drawing under the same name; the rest is its own.
    shared = set.intersection(*ids)
    for name in shared:
        drawings = {re.search(rf'<[^>]*id="{name}"[^>]*>', svg)[0] for svg in figures}
        assert len(drawings) == 1
    assert all(own - shared for own in ids)


def test_an_svg_is_small():
    landscape = plots.Landscape(hill)
    assert len(render.svg(scene(landscape=landscape), "x")) < 24_000
    fig, ax = plots.figure()
    ax.plot(np.linspace(0, 1, 400), np.sin(np.linspace(0, 20, 400)))
    compact = render.svg(fig, "x")
    numbers = re.findall(r"\d*\.(\d+)", compact.split("<path", 1)[1])
    assert max(map(len, numbers)) <= 2


def corners(path):
    """Follow a path of absolute or relative commands; return the end point of each."""
    at = start = np.zeros(2)
    points = []
    for command, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        if command in "zZ":
            at = start
            continue
        xy = np.array([float(x) for x in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)]).reshape(-1, 2)
        every = {"m": 1, "l": 1, "q": 2, "c": 3}[command.lower()]
        for k, part in enumerate(xy[every - 1 :: every]):
            at = at + part if command.islower() else part
            if command in "mM" and k == 0:
                start = at
            points.append(at)
    return np.array(points)


@pytest.mark.parametrize(
    "d",
    [
        "M 0 0 L 10.25 3 L 20 1 L 20 1 z ",
        "M 1 2 L 3 4 M 5 6 L 7 8.04 L 9 10",
        "M 1 2 Q 3 4 5 6 L 7 8 L 9 9.99 C 1 2 3 4 5 6 L 0 0 z M 3 3 L 4 4",
        "M 100.04 0 L 100.08 0 L 100.12 0 L 100.16 0 L 100.2 0",
        "M -0.04 0.00001 L -0.001 2 L 0.5 -0.5",
        "M 1 1 L 2 2 L 2 1 z L 5 5 L 6 6.26",
    ],
)
def test_a_shortened_path_passes_through_the_same_points(d):
    short = compact._short_path(d, 1)
    assert len(short) < len(d)
    apart = np.abs(corners(d)[:, None] - corners(short)[None]).max(axis=2)
    # Half a unit of the one decimal kept, in both directions: no corner lost, none invented.
    assert max(apart.min(axis=1).max(), apart.min(axis=0).max()) <= 0.05 + 1e-9


def test_mathematics_in_a_label_flows_as_text():
    fig, ax = plots.figure()
    ax.set_xlabel(r"logit $\theta_i$ of staying")
    svg = render.svg(fig, "x")
    words = [re.sub("<[^>]+>", "", m) for m in re.findall(r"<text.*?</text>", svg)]
    assert "logit θi of staying" in [word.replace("\N{NO-BREAK SPACE}", " ") for word in words]


def test_a_fraction_in_a_label_keeps_its_place():
    fig, ax = plots.figure()
    ax.set_xlabel(r"$\frac{a}{b}$")
    assert re.search(r'<tspan x="[^"]+" y="[^"]+"[^>]*>ab?</tspan>', render.svg(fig, "x"))


@pytest.mark.parametrize(
    ("fig", "alt", "message"),
    [
        (Figure(), "", "alt must say in words"),
        (Figure(), None, "alt must say in words"),
        ("figure", "a figure", "fig must be a Matplotlib Figure; got str"),
    ],
)
def test_a_figure_without_description_is_refused(fig, alt, message):
    for display in (plots.show, render.svg):
        with pytest.raises(ValueError, match=message):
            display(fig, alt)


def test_show_stores_a_text_without_an_address(capsys):
    plots.show(scene(), alt="Two panels,\n side by side.")
    assert capsys.readouterr().out == "Figure: Two panels, side by side.\n"
    shown = render.bundle(render.svg(scene(), "Two panels."), "Figure: Two panels.")
    assert shown["text/plain"] == "Figure: Two panels."
    assert shown["text/html"].startswith('<div class="npg-drawing"><svg ')


def test_two_stills_over_one_backdrop_share_no_ids():
    """An id is used once on a page, and what refers to it is in the same drawing."""
    landscape = plots.Landscape(hill)
    both = [render.bundle(render.svg(scene(radius, landscape), "x"), "x") for radius in (0.1, 0.2)]
    first, second = (set(re.findall(r'\bid="([^"]+)"', shown["text/html"])) for shown in both)
    assert first and second and not first & second
    for ids, shown in zip((first, second), both, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', shown["text/html"])) <= ids


# ---- The backdrop that frames share -----------------------------------------------------------


def test_the_backdrop_is_drawn_once_for_all_frames(monkeypatch):
    landscape = plots.Landscape(hill)
    drawn = []
    whole = render._body
    monkeypatch.setattr(render, "_body", lambda fig: drawn.append(fig) or whole(fig))
    monkeypatch.setattr(render, "_DRAWN", {})
    for radius in (0.1, 0.2, 0.3):
        render.svg(scene(radius, landscape), "x")
    assert len(drawn) == 2 + 3  # contours, axes, and three times what moves
    render.svg(scene(0.3, plots.Landscape(hill)), "x")
    assert len(drawn) == 5 + 2  # other contours have the same axes


def test_a_shared_backdrop_shows_what_a_whole_drawing_shows():
    landscape = plots.Landscape(hill)
    shared = render.svg(scene(0.3, landscape), "x")
    fig = scene(0.3, landscape)
    for artists, _ in render._BACKDROPS[fig].values():
        for artist in artists:
            artist.stale = True
    whole = render.svg(fig, "x")

    def content(svg):
        texts = re.findall(r">([^<>]+)</t", svg)
        marks = re.findall(r"<(\w+)", svg)
        return sorted(texts), {tag: marks.count(tag) for tag in ("path", "use", "text")}

    texts, marks = content(shared)
    assert (texts, marks["text"], marks["use"]) == (
        content(whole)[0],
        content(whole)[1]["text"],
        content(whole)[1]["use"],
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda ax: ax.set_xlim(-1, 1),
        lambda ax: ax.set_position((0.1, 0.1, 0.3, 0.3)),
        lambda ax: ax.get_figure().set_size_inches(5.0, 3.0),
        lambda ax: ax.set_title("another"),
        lambda ax: ax.set_xlabel("another"),
        lambda ax: ax.set_xticks([0.0, 1.0]),
        lambda ax: ax.tick_params(labelsize=5),
        lambda ax: ax.spines["left"].set_visible(False),
    ],
)
def test_a_changed_axes_is_not_drawn_from_the_old_backdrop(change):
    """A figure whose axes were changed after its backdrop was declared shows the change."""
    before = render.svg(scene(), "x")
    fig = scene()
    change(fig.axes[0])
    assert render.svg(fig, "x") != before


# ---- The two rooms ----------------------------------------------------------------------------


def test_the_two_maps_are_inverse_and_hold_at_the_ends():
    p = np.array([1e-12, 0.1, 0.5, 0.8])
    np.testing.assert_allclose(plots.probability(plots.logit(p)), p, rtol=1e-4)
    assert list(plots.probability([-1e4, 1e4])) == [0.0, 1.0]
    assert list(plots.logit([0.0, 1.0])) == [-np.inf, np.inf]


def test_a_step_stands_in_each_picture_where_its_coordinates_are():
    _fig, (plane, square) = plots.two_spaces()
    plots.step((plane, square), START, START + 1.0, "natural")
    np.testing.assert_allclose(plane.lines[-1].get_xydata(), [START, START + 1.0])
    np.testing.assert_allclose(
        square.lines[-1].get_xydata(), [[0.8, 0.1], plots.probability(START + 1.0)]
    )


def test_drawing_on_axes_that_are_neither_picture_is_refused():
    _fig, ax = plots.figure()
    with pytest.raises(ValueError, match="must come from parameter_plane"):
        plots.point(ax, START)


def test_contours_lie_on_their_heights_in_both_spaces():
    landscape = plots.Landscape(hill, levels=[-1.0, 0.0, 0.5])
    _fig, both = plots.two_spaces(landscape)
    for ax in both:
        space = plots_space(ax)
        lines = landscape.lines(space)
        assert {level for level, _ in lines} == {-1.0, 0.0, 0.5}
        for level, line in lines:
            values = [hill(space.back(p)) for p in line]
            # Linear interpolation in a cell of size h errs by at most h^2 |f''| / 8.
            assert np.abs(np.array(values) - level).max() < 0.02


def plots_space(ax):
    return policy_pictures.space_of(ax)


@pytest.mark.parametrize("levels", [8, [-1.0, -0.5, 0.0, 0.5, 1.0]])
def test_both_spaces_name_the_same_heights(levels):
    landscape = plots.Landscape(hill, levels=levels)
    _fig, both = plots.two_spaces(landscape, limits=((-3.0, 3.0), (-3.0, 3.0)))
    plane, square = (
        {float(t.get_text().replace("\N{MINUS SIGN}", "-")) for t in ax.texts} for ax in both
    )
    assert len(plane) >= 2
    assert plane <= square


@pytest.mark.parametrize("height", [2.4, 3.4, 4.6])
def test_a_legend_stands_above_the_axes(height):
    """Without titles, too, it keeps clear of the top tick's label and of the frame."""
    fig, ax = plots.figure(4.6, height)
    ax.plot([0, 1], [0, 1], label="a line")
    plots.legend(fig)
    fig.draw_without_rendering()
    (legend,) = fig.legends
    assert legend.get_window_extent().y0 > ax.get_window_extent().y1


def test_a_legend_stands_above_the_titles():
    for fig, ax in (plots.figure(4.6, 3.4), (scene(), None)):
        if ax is not None:
            plots.parameter_plane(ax)
            plots.step(ax, START, START + 1.0, "kl")
            plots.legend(fig)
        fig.draw_without_rendering()
        (legend,) = fig.legends
        title = fig.axes[0].title.get_window_extent()
        padding = 0.4 * style.SMALL * fig.dpi / 72  # Matplotlib keeps this free inside a legend
        assert legend.get_window_extent().y0 + padding >= title.y1


def test_a_landscape_is_sampled_once_for_each_space():
    calls = []
    landscape = plots.Landscape(lambda theta: calls.append(1) or hill(theta))
    plots.two_spaces(landscape)
    once = len(calls)
    plots.two_spaces(landscape)
    assert len(calls) == once > 0


def kl(theta):
    """KL(new || old) of two independent coins with the weights of the two rooms."""
    p, q = plots.probability(theta), plots.probability(START)
    weights = np.array([0.8165, 0.1835])
    return float(weights @ (p * np.log(p / q) + (1 - p) * (np.log1p(-p) - np.log1p(-q))))


@pytest.mark.parametrize("radius", [1e-4, 1e-3, 1e-2, 0.018, 0.1])
def test_the_edge_of_a_ball_is_at_its_radius_or_out_of_sight(radius):
    boundary = plots.Ball(kl, START).boundary(radius)
    assert np.array_equal(boundary[0], boundary[-1]) or np.allclose(boundary[0], boundary[-1])
    far = np.abs(boundary - START).max(axis=1) > 20
    values = np.array([kl(theta) for theta in boundary[~far]])
    assert len(values) > 30
    np.testing.assert_allclose(values, radius, rtol=0.02)


def test_the_kl_ball_is_unbounded_from_a_radius_on():
    """Beyond the price of never staying in the rich room, the ball of the two rooms has no end."""
    # Never staying in the rich room again costs 0.1835 * log(1 / 0.9).
    threshold = 0.1835 * np.log(1 / 0.9)
    ball = plots.Ball(kl, START)
    assert ball.boundary(0.9 * threshold)[:, 1].min() > -10
    assert ball.boundary(1.1 * threshold)[:, 1].min() < -20


def test_a_disc_is_the_image_of_a_circle():
    """In the coordinates phi, theta = B phi, a disc is a circle."""
    B = np.array([[2.0, 1.0], [0.0, 0.5]])
    phi = np.linalg.solve(B, (plots.Disc(START, B).boundary(0.3) - START).T)
    np.testing.assert_allclose(np.hypot(*phi), 0.3)
    np.testing.assert_allclose(np.hypot(*(plots.Disc(START).boundary(0.3) - START).T), 0.3)


def test_another_radius_does_not_sample_the_distance_again():
    """So a slider over the radius of a ball costs no evaluations of the distance."""
    calls = []
    ball = plots.Ball(lambda theta: calls.append(1) or bowl(theta), START)
    ball.boundary(0.5)
    once = len(calls)
    ball.boundary(0.6)
    assert len(calls) == once > 0


# ---- The ledger -------------------------------------------------------------------------------


def test_loglog_returns_the_measured_slope():
    """It draws a line of the expected slope beside the data."""
    x = np.geomspace(1e-4, 1e-1, 7)
    _fig, ax = plots.figure()
    measured = plots.loglog(ax, x, 3 * x**1.5, order=2.0, label="error")
    assert measured == pytest.approx(1.5, abs=1e-12)
    line, guide = ax.lines
    assert line.get_label() == "error: slope 1.50"
    drawn = np.diff(np.log(guide.get_ydata())) / np.diff(np.log(guide.get_xdata()))
    np.testing.assert_allclose(drawn, 2.0)
    assert guide.get_ydata()[-1] == pytest.approx(3 * 0.1**1.5)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1, 2, 3], "equally long"),
        ([1], [1], "equally long"),
        ([1, 2], [1, 0], "must be positive"),
        ([1, 2], [1, np.nan], "must be positive"),
    ],
)
def test_a_slope_of_what_has_no_logarithm_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        plots.slope(x, y)


def test_figures_keep_their_axes_in_place_whatever_the_ticks():
    fig, axes = plots.figure(6.4, 3.0, columns=2)
    before = [ax.get_position().bounds for ax in axes]
    axes[0].plot([0, 1e6], [0, 1e-6])
    render.svg(fig, "x")
    assert [ax.get_position().bounds for ax in axes] == before


@pytest.mark.parametrize(
    ("limits", "ticks"),
    [((1e-6, 1e5), ["1e−6", "1e−4", "0.01", "1", "100", "1e4"]), ((2, 6), ["2", "3", "4", "6"])],
)
def test_ticks_of_a_logarithmic_axis_have_no_small_exponent(limits, ticks):
    """A raised exponent is too small to read on a telephone."""
    fig, ax = plots.figure()
    ax.semilogx(limits, [0, 1])
    if limits[0] < 1:  # Matplotlib's versions choose different powers
        ax.set_xticks([float(tick.replace("−", "-")) for tick in ticks])
    ax.set_yticks([])
    assert re.findall(r">([^<>]+)</text>", render.svg(fig, "a line")) == ticks
