"""The test of paired runs and Holm's rule: known values, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from npgkit.practice.comparison import holm, paired


@pytest.mark.parametrize(
    "differences, p",
    [
        ([3.0], 1.0),
        ([1.0, 2.0], 0.5),
        ([1.0, -2.0], 1.0),
        ([0.0, 0.0, 0.0], 1.0),
        ([1.0, 2.0, 4.0], 0.25),
        ([1.0, 2.0, -4.0], 1.0),
        ([-1.0, 2.0, 4.0], 0.5),
        (np.ones(10), 2.0**-9),
    ],
)
def test_paired_is_the_share_of_patterns_as_far_from_zero(differences, p):
    assert paired(np.array(differences)) == p


@pytest.mark.parametrize(
    "p, adjusted",
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.5], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([0.001, 0.9, 0.02, 0.02], [0.004, 0.9, 0.06, 0.06]),
        ([], []),
    ],
)
def test_holm_multiplies_each_by_how_many_are_left(p, adjusted):
    np.testing.assert_allclose(holm(np.array(p)), adjusted, rtol=1e-12)


@pytest.mark.parametrize("wrong", [[], np.ones(21), [1.0, np.nan], [[1.0]]])
def test_paired_refuses_what_is_no_list_of_differences(wrong):
    with pytest.raises(ValueError, match="differences"):
        paired(np.array(wrong))


@pytest.mark.parametrize("wrong", [[-0.1], [1.1], [np.nan]])
def test_holm_refuses_what_is_no_p_value(wrong):
    with pytest.raises(ValueError, match=r"^p[ \[]"):
        holm(np.array(wrong))
