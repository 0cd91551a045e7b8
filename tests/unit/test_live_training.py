"""Training as the page steps it: the reader's settings hold from the next update on."""

import numpy as np
import pytest

from npgkit.live.training import SHOWN_STEPS, PoleTraining
from npgkit.practice.run import Run
from npgkit.practice.settings import settings_for


@pytest.mark.parametrize(("line_search", "method"), [(True, "trpo"), (False, "npg")])
def test_the_page_trains_what_the_package_trains(line_search, method):
    settings = settings_for("CartPole-v1", epsilon=0.05)
    run = Run("CartPole-v1", method, seed=3, settings=settings)
    training = PoleTraining(3, 0.05, line_search)
    for _ in range(2):
        record, row = run.step(), training.step()
        assert (row["steps"], row["kl"]) == (record.env_steps, record.kl)
        assert (row["epsilon"], row["searched"]) == (0.05, line_search)


def test_a_changed_radius_counts_from_the_next_update_on():
    training = PoleTraining(0, 0.001, True)
    first = training.step()
    training.use(0.1, False)
    second = training.step()
    assert (first["epsilon"], first["searched"]) == (0.001, True) and first["kl"] <= 0.001
    assert (second["epsilon"], second["searched"]) == (0.1, False) and second["kl"] > 0.01


def test_an_iteration_in_which_no_episode_ends_has_no_mean():
    training = PoleTraining(0, 0.02, True)
    training.run.settings = settings_for("CartPole-v1", n_steps=1, n_envs=2, epsilon=0.02)
    assert training.step()["mean_return"] is None


def test_a_track_begins_at_rest_and_ends_with_the_episode():
    track = np.array(PoleTraining(0, 0.02, True).track())
    assert 5 < len(track) <= SHOWN_STEPS + 1 and track.shape[1] == 2
    assert abs(track[0]).max() < 0.06
    assert abs(track[-1, 1]) > 0.2  # an untrained policy drops the pole
