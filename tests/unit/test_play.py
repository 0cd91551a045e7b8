"""`play`, films and TensorBoard: what was trained is seen, or a line says what is missing."""

import re
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from npgkit import load, train
from npgkit.__main__ import main
from npgkit.command import play

ROOT = Path(__file__).parents[2]
SMALL = {"n_envs": 2, "n_steps": 20, "hidden": (4,), "value_hidden": (4,)}


class Pictures(gymnasium.Env):
    """Shows a grey that brightens; six steps, each worth the action."""

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 10}  # noqa: RUF012
    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Box(-1, 1, (1,))

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action):
        self.t += 1
        obs = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return obs, float(action[0]), self.t == 6, False, {}

    def render(self):
        return np.full((32, 48, 3), 20 * self.t, np.uint8)


gymnasium.register("NpgkitPictures-v0", entry_point=lambda **options: Pictures(**options))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained")
    list(train("NpgkitPictures-v0", seed=0, total_steps=80, directory=directory, **SMALL))
    return directory


def played(*arguments):
    return main(["play", *map(str, arguments)])


def test_the_returns_are_those_of_the_agent_in_the_environment(trained, capsys):
    assert played(trained, "--episodes", 2, "--seed", 7) == 0
    lines = capsys.readouterr().out.splitlines()
    agent, env = load(trained), Pictures()
    for seed, line in zip((7, 8), lines, strict=True):
        (obs, _), total, over = env.reset(seed=seed), 0.0, False
        while not over:
            obs, reward, over, *_ = env.step(agent.act(obs))
            total += reward
        assert line.startswith(f"seed {seed}: return ")
        assert line.endswith(" in 6 steps")
        assert float(re.search(r"return (\S+)", line)[1]) == pytest.approx(total, rel=1e-3)


def test_drawn_actions_are_another_play_and_repeat(trained, capsys):
    texts = []
    for more in ([], ["--sampled"], ["--sampled"]):
        assert played(trained, *more) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] != texts[1] == texts[2]


def frames_of(film):
    if film.suffix == ".mp4":
        count, _ = pytest.importorskip("imageio_ffmpeg").count_frames_and_secs(str(film))
        return count
    return len(pytest.importorskip("imageio.v3").imread(film, index=None))


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_film_holds_every_picture_of_the_episodes(kind, trained, tmp_path, capsys):
    """Two of seven pictures each, beginning before the first step."""
    pytest.importorskip("imageio_ffmpeg")
    film = tmp_path / f"film.{kind}"
    assert played(trained, "--episodes", 2, f"--{kind}", film) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"14 frames in {film}"
    assert frames_of(film) == 14
    assert [p.name for p in tmp_path.iterdir()] == [film.name]


def test_a_failed_film_leaves_no_file_behind(trained, tmp_path, monkeypatch):
    imageio = pytest.importorskip("imageio.v3")

    def full(path, *_, **__):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imageio, "imwrite", full)
    assert played(trained, "--gif", tmp_path / "film.gif") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_a_screen_a_line_says_so_and_the_returns_follow(trained, capsys, monkeypatch):
    monkeypatch.setattr(play, "_has_a_screen", lambda: False)
    assert played(trained, "--human", "--episodes", 1) == 0
    printed = capsys.readouterr()
    assert printed.err == "npgkit: there is no screen for a window; only the returns follow\n"
    assert printed.out.startswith("seed 0: return ")


def test_without_the_extra_a_line_names_it(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio", None)
    monkeypatch.setitem(sys.modules, "imageio.v3", None)
    assert played(trained, "--gif", tmp_path / "film.gif") == 1
    assert "films need the extra `video`" in capsys.readouterr().err


REFUSED = {
    "no checkpoint": (lambda d: [d / "nowhere"], "there is no checkpoint in .*nowhere"),
    "no episodes": (lambda d: [d, "--episodes", "0"], "--episodes must be .* got 0"),
    "no such folder": (lambda d: [d, "--gif", d / "no" / "film.gif"], "no is not a directory"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_played_is_one_line(arguments, message, trained, capsys):
    assert played(*arguments(trained)) == 1
    assert re.fullmatch(rf"npgkit: .*{message}.*\n", capsys.readouterr().err)


def test_tensorboard_gets_every_number_by_steps(tmp_path, capsys):
    pytest.importorskip("tensorboardX")
    arguments = ["train", "NpgkitPictures-v0", "--eval-episodes", "1", "--tensorboard"]
    for name, value in SMALL.items():
        arguments += ["--set", f"{name}={list(value) if isinstance(value, tuple) else value}"]
    assert main([*arguments, "--total-steps", "80", "--out", str(tmp_path)]) == 0
    (events,) = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
    for name in (b"npgkit/kl", b"npgkit/mean_return", b"npgkit/entropy"):
        assert content.count(name) == 2  # iterations


def test_without_tensorboardx_a_line_names_the_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    arguments = ["train", "NpgkitPictures-v0", "--total-steps", "9", "--out", str(tmp_path)]
    assert main([*arguments, "--tensorboard"]) == 1
    assert "--tensorboard needs the extra `tensorboard`" in capsys.readouterr().err


def test_settings_lists_values_and_where_they_come_from(capsys):
    assert main(["settings", "CartPole-v1"]) == 0
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    found = {name: (value, source) for name, value, source in lines}
    assert found["n_envs"] == ("32", "for CartPole-v1")
    assert found["hidden"] == ("[32,32]", "for Discrete actions")
    assert found["gamma"] == ("0.99", "default")
    assert main(["settings"]) == 0
    assert "Hopper-v5: " in capsys.readouterr().out


def run_python(program):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )


@pytest.mark.parametrize("missing", ["gymnasium", "scipy", "threadpoolctl", "tqdm"])
def test_with_numpy_alone_the_command_names_the_extra(missing):
    """`python -m npgkit`, as it is where the extra `train` is not installed."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None; from npgkit.__main__ import main; "
        "sys.exit(main(['train', 'CartPole-v1', '--total-steps', '9', '--out', '/dev/null/x']))"
    )
    found = run_python(program)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr


def test_with_numpy_alone_the_message_is_one_line():
    found = run_python(
        "import sys; sys.modules['gymnasium'] = None; from npgkit.__main__ import main; "
        "sys.exit(main(['--help']))"
    )
    assert found.returncode == 1
    assert found.stderr == (
        "npgkit: gymnasium is not installed; the command needs the extra `train`: "
        "pip install 'npgkit[train]'\n"
    )


def test_a_closed_pipe_ends_without_a_traceback(tmp_path):
    """`... | head -1`: the reader leaves after the first line; what was trained is kept."""
    arguments = ["train", "CartPole-v1", "--total-steps", "4000", "--out", str(tmp_path)]
    arguments += ["--set", "n_envs=2", "--set", "n_steps=20", "--eval-episodes", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "npgkit", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout.readline().split()[0] == "iteration"
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), error) == (141, "")
    assert load(tmp_path).policy.n_params > 0


def test_letters_that_the_terminal_lacks_are_spelt_out(tmp_path):
    out = tmp_path / "\N{GREEK SMALL LETTER EPSILON}"
    program = (
        f"import sys; from npgkit.__main__ import main; sys.exit(main(['play', {str(out)!r}]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=ROOT, check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )  # fmt: skip
    assert found.returncode == 1
    assert b"there is no checkpoint in" in found.stderr
    assert b"\\u03b5" in found.stderr
    assert b"Traceback" not in found.stderr
