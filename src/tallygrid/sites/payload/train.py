"""A small training step whose result is the same, to the last bit, on every 64-bit machine.

It trains a network of two inputs, eight rectified hidden units and one output to tell the
points inside a disc from those outside, by gradient descent on a squared hinge loss. It uses
only + − × ÷ and comparison, which IEEE 754 defines exactly: no exp, no log, no square root,
whose last bit is each C library's own. `sum` is avoided too: from Python 3.12 it adds floats
in a more careful way than before, and so to other bits.

Run as a program, `train.py SEED` prints the loss of each epoch and writes `weights.csv`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HIDDEN = 8
EPOCHS = 32
TRAINING_POINTS = 400
HELD_OUT_POINTS = 400
LEARNING_RATE = 0.03125
DISC_RADIUS_SQUARED = 0.6

Point = tuple[float, float, float]
"""Two coordinates in [−1, 1) and a label: 1 inside the disc, −1 outside."""


@dataclass
class Network:
    """The weights: `output · max(0, first·x + second·y + bias) + threshold`."""

    first: list[float]
    second: list[float]
    bias: list[float]
    output: list[float]
    threshold: float

    def score(self, x: float, y: float) -> float:
        """Return the network's belief that a point lies inside: the sign is its answer."""
        score = self.threshold
        for a, b, c, d in zip(self.first, self.second, self.bias, self.output, strict=True):
            before = a * x + b * y + c
            if before > 0:
                score += d * before
        return score


def main(seed: int, folder: Path) -> None:
    """Train from a seed, say how it goes, and leave the weights in a folder."""
    chance = uniform(seed)
    network = initial(chance)
    training, held_out = points(chance, TRAINING_POINTS), points(chance, HELD_OUT_POINTS)
    for epoch in range(1, EPOCHS + 1):
        train(network, training)
        say(f"epoch {epoch:2} loss {loss(network, training):.6f}")
    say(f"right on {right(network, held_out)} of {HELD_OUT_POINTS} points it never saw")
    (folder / "weights.csv").write_text(written(network), encoding="ascii")


def train(network: Network, training: list[Point]) -> None:
    """Go once through the points and take one step downhill for each."""
    for point in training:
        descend(network, point)


def descend(network: Network, point: Point) -> None:
    """Lower ½·max(0, 1 − label·score)² a little, for one point."""
    x, y, label = point
    slack = 1.0 - label * network.score(x, y)
    if slack <= 0:
        return
    step = LEARNING_RATE * slack * label
    for unit in range(HIDDEN):
        before = network.first[unit] * x + network.second[unit] * y + network.bias[unit]
        if before > 0:
            back = step * network.output[unit]
            network.output[unit] += step * before
            network.first[unit] += back * x
            network.second[unit] += back * y
            network.bias[unit] += back
    network.threshold += step


def loss(network: Network, seen: list[Point]) -> float:
    """Return the mean squared hinge loss, ½·max(0, 1 − label·score)²."""
    total = 0.0
    for x, y, label in seen:
        slack = 1.0 - label * network.score(x, y)
        if slack > 0:
            total += 0.5 * slack * slack
    return total / len(seen)


def right(network: Network, unseen: list[Point]) -> int:
    """Count the points whose side the network tells rightly."""
    return len([1 for x, y, label in unseen if network.score(x, y) * label > 0])


def initial(chance: Iterator[float]) -> Network:
    """Return a network with small weights drawn by chance."""
    first, second, bias, output = ([next(chance) for _ in range(HIDDEN)] for _ in range(4))
    return Network(first, second, bias, output, threshold=0.0)


def points(chance: Iterator[float], number: int) -> list[Point]:
    """Draw points and label them."""
    drawn = []
    for _ in range(number):
        x, y = next(chance), next(chance)
        drawn.append((x, y, 1.0 if x * x + y * y < DISC_RADIUS_SQUARED else -1.0))
    return drawn


def uniform(seed: int) -> Iterator[float]:
    """Yield numbers in [−1, 1) from a 64-bit linear congruential generator.

    The multiplier and increment are Knuth's for MMIX; the top 24 bits are used.
    """
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 40) / 2**23 - 1.0


def written(network: Network) -> str:
    """Write the weights, one unit per line, so that reading them gives the same bits."""
    units = zip(network.first, network.second, network.bias, network.output, strict=True)
    lines = [",".join(repr(weight) for weight in unit) for unit in units]
    return "\n".join(["first,second,bias,output", *lines, repr(network.threshold), ""])


def say(line: str) -> None:
    """Print a line of progress."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path.cwd())
