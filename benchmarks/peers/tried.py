"""What was tried besides, by hand: what installs on this Python, and what is in it.

Packages are those whose descriptions, or whose users, speak of TRPO or of a natural gradient.
"""

WHEN = "27 November 2026"

TRIED = (
    ("all of the above together", "Install on Python 3.11 and 3.13; on 3.12 it was not tried. On "
     "3.13 it is without xuance, which asks for a NumPy that has no wheel there, and with NumPy "
     "2.5.5 and torch 2.14.1; the rows of the others came out the same."),
    ("mushroom-rl 1.10.2", "Asks for NumPy 1.24, and is then not installed beside this "
     "package: 1.10.1 is. Its `_conjugate_gradient` begins with the same lines."),
    ("skrl 2.1.1", "Installs. It has no TRPO any more; the last version that has is 1.4.3."),
    ("cherry-rl 0.2.0", "Installs, but imports only beside `six` and a `gym` before 0.24, which it "
     "does not ask for; the extra does."),
    ("omnisafe 0.5.0 (TRPO, NPG)", "Does not install: it asks, through safety-gymnasium, for "
     "pygame 2.1.0, which has no wheel and is not built without SDL's header files."),
    ("garage 2021.3.0 (TRPO)", "Does not install: its metadata name an address that the resolver "
     "refuses."),
    ("chainerrl (TRPO)", "Does not install: chainer 7.8.1 is not built without `pkg_resources`."),
    ("machin 0.4.2 (TRPO)", "Installs and does not import: it needs `moviepy.editor`, which "
     "moviepy has no more."),
    ("fast-safe-rl 0.1.0 (TRPO with a Lagrangian)", "Installs with tianshou 0.5.1 and does not "
     "import: that tianshou needs `numpy.float_`, which NumPy 2 has no more."),
    ("tensorforce (TRPO)", "Does not install: it asks for a NumPy that has no wheel and is not "
     "built."),
    ("rlberry 0.7.3, rllte-core 1.0.1, autonomous-learning-library 0.9.1, tf-agents 0.19.0",
     "Have neither."),
    ("stable-baselines, baselines", "Not tried: they are for TensorFlow 1."),
    ("ray, torchrl", "Not looked into."),
    ("mushroom-rl's eNAC", "Not asked: its natural gradient is a regression on whole episodes."),
)  # fmt: skip
