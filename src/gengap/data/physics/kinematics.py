"""Relativistic kinematics in NumPy: boosts, masses and isotropic two-body decays, vectorised over events.

A four-vector is an array whose first axis is (E, px, py, pz), in GeV with c = 1; the other axes are
events. Results have the dtype of what goes in. The formulas are those of the review "Kinematics" of the
Particle Data Group (pdg.lbl.gov).
"""

from __future__ import annotations

import numpy as np


def mass(p: np.ndarray) -> np.ndarray:
    """Return the invariant mass of `p` (4, ...); 0 where rounding makes its square negative.

    >>> float(mass(np.array([5.0, 0.0, 3.0, 0.0])))
    4.0
    """
    return np.sqrt(np.maximum(p[0] * p[0] - p[1] * p[1] - p[2] * p[2] - p[3] * p[3], 0))


def pair_mass(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the invariant mass of two massless particles `p` and `q`, both (4, ...)."""
    return np.sqrt(np.maximum(2 * (p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3]), 0))


def transverse(p: np.ndarray) -> np.ndarray:
    """Return the transverse momentum of `p` (4, ...); the beam runs along z."""
    return np.sqrt(p[1] * p[1] + p[2] * p[2])


def from_rapidity(mt: np.ndarray, px: np.ndarray, py: np.ndarray, rapidity: np.ndarray) -> np.ndarray:
    """Return the four-vector (4, ...) of transverse mass `mt`, transverse momentum (`px`, `py`) and `rapidity`.

    For a massless particle `mt` is the transverse momentum's size and the rapidity is called eta.
    """
    grown = np.exp(rapidity)
    shrunk = 1 / grown
    return np.stack([mt * (grown + shrunk) / 2, px, py, mt * (grown - shrunk) / 2])


def boost(p: np.ndarray, frame: np.ndarray, frame_mass: np.ndarray) -> np.ndarray:
    """Transform `p` (4, n) from the rest frame of `frame` (4, n) to the frame that `frame` was measured in.

    `frame_mass` (n,) is the mass of `frame`, above 0.
    """
    along = p[1] * frame[1] + p[2] * frame[2] + p[3] * frame[3]
    scale = (along / (frame[0] + frame_mass) + p[0]) / frame_mass
    seen = p + scale * frame
    seen[0] = (p[0] * frame[0] + along) / frame_mass
    return seen


def decay(
    parent: np.ndarray,
    parent_mass: np.ndarray,
    first_mass: np.ndarray | float,
    second_mass: np.ndarray | float,
    rng: np.random.Generator,
    cos: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Let `parent` (4, n) decay into two particles, isotropically in its rest frame.

    Args:
        parent: The four-vector (4, n) of the parent.
        parent_mass: The parent's mass (n,).
        first_mass: Mass of the first particle, a number or (n,).
        second_mass: Mass of the second one; the sum must not exceed the parent's mass.
        rng: The random generator.
        cos: Cosine (n,) of the first particle's angle to the z axis in the rest frame. Default: uniform.

    Returns:
        The two four-vectors (4, n), whose sum is the parent's.
    """
    total, difference = first_mass + second_mass, first_mass - second_mass
    square = (parent_mass * parent_mass - total * total) * (parent_mass * parent_mass - difference * difference)
    size = np.sqrt(np.maximum(square, 0)) / (2 * parent_mass)
    cos = 2 * rng.random(size.shape, size.dtype) - 1 if cos is None else cos
    phi = angle(size.shape, rng, size.dtype)
    across = size * np.sqrt(np.maximum(1 - cos * cos, 0))
    energy = np.sqrt(size * size + first_mass * first_mass)
    at_rest = np.stack([energy, across * np.cos(phi), across * np.sin(phi), size * cos])
    first = boost(at_rest, parent, parent_mass)
    return first, parent - first


def angle(shape: tuple[int, ...], rng: np.random.Generator, dtype: np.dtype) -> np.ndarray:
    """Draw uniform angles from -pi to pi."""
    return (2 * np.pi) * rng.random(shape, dtype) - np.pi  # type: ignore[call-overload]


def neutrino_pz(lepton: np.ndarray, missing: np.ndarray, w_mass: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the two possible momenta along the beam (n,) of a neutrino that comes from a W with `lepton` (4, n).

    Both particles are massless, and `missing` (2, n) is the neutrino's transverse momentum. Where the transverse
    mass of the pair exceeds `w_mass`, there is no real solution: then both momenta give the pair its transverse
    mass.
    """
    lepton_pt2 = lepton[1] * lepton[1] + lepton[2] * lepton[2]
    product2 = lepton_pt2 * (missing[0] * missing[0] + missing[1] * missing[1])
    half = w_mass * w_mass / 2 + lepton[1] * missing[0] + lepton[2] * missing[1]
    half = np.maximum(half, np.sqrt(product2))
    middle = half * lepton[3] / lepton_pt2
    apart = lepton[0] * np.sqrt(np.maximum(half * half - product2, 0)) / lepton_pt2
    return middle - apart, middle + apart
