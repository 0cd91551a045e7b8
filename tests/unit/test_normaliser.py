"""The normaliser: moments of all that was seen, in any number of pieces."""

import numpy as np
import pytest

from npgkit.practice import normaliser
from npgkit.practice.normaliser import CLIP, HALVINGS, Normaliser, follow

SEEN = np.random.default_rng(0).normal([1e3, -2.0, 0.0], [1.0, 5.0, 1e-3], size=(50, 3))


@pytest.mark.parametrize("chunks", [[50], [20, 30], [1, 1, 48], [10] * 5])
@pytest.mark.parametrize("block", [1, 7 * 3, 2**18])
def test_moments_are_those_of_all_observations(chunks, block, monkeypatch):
    """Updates of a few rows each; the offset of 1e3 would cost sums of squares six digits."""
    monkeypatch.setattr(normaliser, "BLOCK", block)
    found, at = Normaliser.unseen(3), 0
    for n in chunks:
        found, at = found.updated(SEEN[at : at + n]), at + n
    assert found.count == 50
    np.testing.assert_allclose(found.mean, SEEN.mean(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.var, SEEN.var(axis=0), rtol=1e-9)


def test_pixels_are_counted_without_a_float_copy_of_all(monkeypatch):
    """Blocks of rows are converted, one at a time: never more than `BLOCK` entries."""
    monkeypatch.setattr(normaliser, "BLOCK", 64)
    pixels = np.random.default_rng(1).integers(0, 256, size=(40, 16), dtype=np.uint8)
    largest = []
    plain = np.ndarray.astype

    class Watched(np.ndarray):
        def astype(self, *args, **kwargs):
            largest.append(self.size)
            return plain(self, *args, **kwargs)

    found = Normaliser.unseen(16).updated(pixels.view(Watched))
    assert max(largest) <= 64
    np.testing.assert_allclose(found.mean, pixels.mean(axis=0), rtol=1e-12)


def test_observations_are_shifted_scaled_and_cut():
    found = Normaliser.unseen(2).updated(np.array([[3.0, 0.0], [7.0, 0.0]]))
    out = found(np.array([[5.0, 0.0], [7.0, 1.0], [1e9, -1.0]]))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, [[0, 0], [1, CLIP], [CLIP, -CLIP]], rtol=1e-6)


@pytest.mark.parametrize("block", [1, 6, 2**18])
def test_blocks_of_rows_do_not_change_a_number(block, monkeypatch):
    found = Normaliser.unseen(3).updated(SEEN)
    whole = found(SEEN)
    monkeypatch.setattr(normaliser, "BLOCK", block)
    np.testing.assert_array_equal(found(SEEN), whole)


@pytest.mark.parametrize(
    ("slope", "share"),
    [(0.5, 1.0), (1.0, 1.0), (1.9, 0.5), (2.1, 0.25), (4.1, 0.125), (2.0**HALVINGS, 0.5**HALVINGS),
     (2.0 ** (HALVINGS + 1), 0.0), (np.nan, 0.0), (np.inf, 0.0)],
)  # fmt: skip
def test_moments_follow_as_far_as_the_kl_allows(slope, share):
    """With kl = slope times the share of the way and room for 1: the whole way, a half, ..."""
    used, seen = (
        Normaliser(10, np.zeros(2), np.ones(2)),
        Normaliser(30, np.ones(2), np.full(2, 3.0)),
    )
    found = follow(used, seen, lambda moved: slope * moved.mean[0], 1.0)
    np.testing.assert_array_equal(found.mean, share)
    np.testing.assert_array_equal(found.var, 1 + 2 * share)
    if share == 0:
        assert found is used
