"""The training step does what it says, by three ways of checking that share none of its code."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from tallygrid.sites.payload import SEEDS, expected, train, training_step
from tallygrid.sites.wrapper import folder_sha256

Vector = list[Fraction]
MULTIPLIER, INCREMENT, MODULUS = 6364136223846793005, 1442695040888963407, 2**64


def drawn(seed: int, number: int) -> Fraction:
    """Return the n-th number drawn from a seed, by the generator's closed form."""
    power = pow(MULTIPLIER, number, MODULUS * (MULTIPLIER - 1))
    state = (power * seed + (power - 1) // (MULTIPLIER - 1) * INCREMENT) % MODULUS
    return Fraction(state >> 40, 2**23) - 1


def points_of(seed: int, first: int, number: int) -> list[tuple[Fraction, Fraction, int]]:
    """Return points by exact arithmetic: the weights take the first 32 draws."""
    pairs = [
        (drawn(seed, 33 + 2 * n), drawn(seed, 34 + 2 * n)) for n in range(first, first + number)
    ]
    return [(x, y, 1 if x * x + y * y < Fraction(0.6) else -1) for x, y in pairs]


def score(weights: Vector, x: Fraction, y: Fraction) -> Fraction:
    """Answer as the network does, from its weights in one row: four per unit, then one."""
    units = [weights[n : n + 4] for n in range(0, len(weights) - 1, 4)]
    return weights[-1] + sum(d * max(Fraction(0), a * x + b * y + c) for a, b, c, d in units)


def slack(weights: Vector, point: tuple[Fraction, Fraction, int]) -> Fraction:
    x, y, label = point
    return max(Fraction(0), 1 - label * score(weights, x, y))


def test_the_weights_a_job_leaves_have_the_loss_and_the_skill_in_the_table(tmp_path: Path) -> None:
    seed = 7
    subprocess.run(training_step(seed), cwd=tmp_path, check=True, capture_output=True)
    lines = (tmp_path / "weights.csv").read_text().splitlines()[1:]
    weights = [Fraction(word) for line in lines for word in line.split(",")]

    seen = [slack(weights, point) for point in points_of(seed, 0, 400)]
    skill = [score(weights, x, y) * label > 0 for x, y, label in points_of(seed, 400, 400)]

    assert round(sum(s * s / 2 for s in seen) / 400, 6) == expected()[seed].loss
    assert sum(skill) == expected()[seed].right


def test_a_step_follows_the_slope_of_the_loss() -> None:
    """Each weight moves by the rate × the slope, measured by exact central differences."""
    start = [Fraction(n % 7 - 3, 4) for n in range(33)]
    point = (Fraction(1, 4), Fraction(-5, 8), 1)
    little = Fraction(1, 10**9)
    assert slack(start, point) > 0

    network = network_of(start)
    train.descend(network, (0.25, -0.625, 1.0))
    moved = [after - before for after, before in zip(row(network), start, strict=True)]

    for n, step in enumerate(moved):
        up, down = list(start), list(start)
        up[n], down[n] = start[n] + little, start[n] - little
        slope = (slack(up, point) ** 2 - slack(down, point) ** 2) / (4 * little)
        assert abs(step + Fraction(train.LEARNING_RATE) * slope) < Fraction(1, 10**8)
    assert sum(step != 0 for step in moved) > 8


def network_of(weights: Vector) -> train.Network:
    first, second, bias, output = ([float(w) for w in weights[n:-1:4]] for n in range(4))
    return train.Network(first, second, bias, output, threshold=float(weights[-1]))


def row(network: train.Network) -> Vector:
    units = zip(network.first, network.second, network.bias, network.output, strict=True)
    return [Fraction(w) for w in (*(w for unit in units for w in unit), network.threshold)]


def test_every_seed_of_the_table_learned_far_more_than_guessing_would() -> None:
    """Always answering with the commoner side is right for about 53 in 100."""
    assert sorted(expected()) == list(range(SEEDS))
    for seed, result in expected().items():
        assert result.right >= 340, seed
        assert result.loss < Fraction(1, 4), seed
    assert len({result.output_sha256 for result in expected().values()}) == SEEDS


def test_the_loss_that_is_printed_falls(tmp_path: Path) -> None:
    said = subprocess.run(
        training_step(3), cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout

    losses = [float(line.split()[-1]) for line in said.splitlines() if "loss" in line]

    assert len(losses) == train.EPOCHS
    assert losses[-1] < losses[0] / 4


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_seed_comes_to_the_hash_in_the_table(seed: int, tmp_path: Path) -> None:
    subprocess.run(training_step(seed), cwd=tmp_path, check=True, capture_output=True)

    assert folder_sha256(tmp_path) == expected()[seed].output_sha256
