"""A figure under one or two sliders, whoever shows it: its dials, and its frame at any position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

from matplotlib.figure import Figure

from npgkit.lab.drawing import render


@dataclass(frozen=True)
class Dial:
    """One slider: its name, the text beside it, its values as they are and as they are read."""

    name: str
    label: str
    values: list[Any]
    readouts: list[str]
    index: int

    @property
    def is_choice(self) -> bool:
        """Whether the values are names, which stand in no order."""
        return all(isinstance(value, str) for value in self.values)

    @property
    def continuous(self) -> bool:
        """Whether there are values between the values: they are numbers that rise or fall."""
        numbers = all(isinstance(x, Real) and not isinstance(x, bool) for x in self.values)
        return numbers and len({a < b for a, b in pairwise(self.values)}) == 1

    def at(self, position: float) -> Any:
        """Return the value at a position from 0 to one less than there are values.

        Between two prepared values it is interpolated, geometrically if both are positive; between
        integers it is an integer. What is no number has the nearest value.
        """
        below = int(position)
        share = position - below
        if share == 0 or not self.continuous:
            return self.values[round(position)]
        low, high = self.values[below], self.values[below + 1]
        if low > 0 and high > 0:
            value = float(low) ** (1 - share) * float(high) ** share
        else:
            value = (1 - share) * float(low) + share * float(high)
        return round(value) if all(isinstance(x, Integral) for x in self.values) else value

    def readout(self, position: float) -> str:
        """Return the value at a position as it is shown beside the slider."""
        if position == int(position):
            return self.readouts[int(position)]
        return _readout(self.at(position), 3)


@dataclass(frozen=True)
class Sliders:
    """A figure under one or two sliders: `draw` returns it, `alt` says what it shows."""

    dials: list[Dial]
    draw: Callable[..., Figure]
    alt: str | Callable[..., str]

    def frame(self, position: Sequence[float]) -> str:
        """Return the figure at a position of each dial, as SVG."""
        values = {d.name: d.at(p) for d, p in zip(self.dials, position, strict=True)}
        if callable(self.alt):
            words = self.alt(**values)
        else:
            told = [f"{d.label}: {d.readout(p)}" for d, p in zip(self.dials, position, strict=True)]
            words = f"{self.alt} ({', '.join(told)})"
        return render.svg(self.draw(**values), words)

    @property
    def start(self) -> tuple[int, ...]:
        """The position in which the figure is first seen."""
        return tuple(dial.index for dial in self.dials)

    @property
    def summary(self) -> str:
        """The figure in a line of text, the same at every run."""
        ranges = "; ".join(
            f"{dial.label}: {', '.join(dial.readouts)}"
            if dial.is_choice
            else f"{dial.label}, {len(dial.values)} values "
            f"from {dial.readouts[0]} to {dial.readouts[-1]}"
            for dial in self.dials
        )
        return f"Slider figure: {ranges}"


def dial(
    name: str, values: Sequence[Any], labels: Mapping[str, str], start: Mapping[str, Any]
) -> Dial:
    """Return the slider `name`; raise ValueError if its values or its start are none."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise ValueError(f"{name} must be a sequence of values; got {values!r}")
    if len(values) == 0:
        raise ValueError(f"{name} must hold at least one value; got none")
    values = list(values)
    readouts = _readouts(values)
    index = 0
    if name in start:
        wanted = _readouts([start[name]])[0]
        rough = [_readouts([value])[0] for value in values]
        if wanted not in rough:
            raise ValueError(f"start has {name} = {wanted}; its values are {', '.join(rough)}")
        index = rough.index(wanted)
    return Dial(name, labels.get(name, name), values, readouts, index)


def _readouts(values: Sequence[Any]) -> list[str]:
    """Write numbers with three significant digits, or as many more as it takes to differ."""
    for digits in range(3, 9):
        texts = [_readout(value, digits) for value in values]
        if len(set(texts)) == len(values):
            return texts
    return texts


def _readout(value: Any, digits: int) -> str:
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    x = float(value)
    if x.is_integer() and abs(x) < 1e6:
        return f"{x:.0f}".replace("-", "−")
    mantissa, _, exponent = f"{x:.{digits}g}".partition("e")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return text.replace("-", "−")
