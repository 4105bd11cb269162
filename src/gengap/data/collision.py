"""The hard process of the toy collider: relativistic kinematics, what two gluons produce, and its decays.

Signal and background end in the same particles (GeV):

    signal      g g -> H0(425) -> W H±(325),  H± -> W h0(125),  h0 -> b b
    background  g g -> t t,  t -> W b  (twice)

with one W going to lepton and neutrino and the other to two light quarks. The benchmark is that of Baldi,
Sadowski and Whiteson 2014 (arXiv 1402.4735). Every decay is isotropic; the top pair is made along the
beam rather than across it. Radiated jets push the whole system across the beam, and the gluons' unequal
momenta push it along.

A four-vector is an array whose first axis is (E, px, py, pz), in GeV with c = 1; the other axes are events. Results
have the dtype of what goes in. The formulas are those of the review "Kinematics" of the Particle Data Group
(pdg.lbl.gov).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

HEAVY_HIGGS, CHARGED_HIGGS, LIGHT_HIGGS = 425.0, 325.0, 125.0
TOP_MASS, W_MASS, W_WIDTH = 173.0, 80.4, 2.1
RADIATED = 3  # most radiated jets in an event
QUARKS = 4  # b, b, q, q

FLOAT = np.dtype(np.float32)

_WithMass: TypeAlias = tuple[np.ndarray, np.ndarray]
_Products: TypeAlias = tuple[_WithMass, _WithMass, np.ndarray, np.ndarray]  # two W, b, b

# Tuned by a random search against the real columns. Pairs are for background and signal.
_RADIATED_MEAN = [1.4, 1.7]  # number of radiated jets
_RADIATED_LEAST, _RADIATED_MOST = 24.0, 300.0  # GeV: their transverse momentum, falling as a power between
_RADIATED_POWER = [1.3, 0.71]
_RADIATED_ETA = 2.0  # spread
_RAPIDITY = 0.83  # spread of the whole system's rapidity
_TT_SHAPE, _TT_FALL = 1.4, 110.0  # the top pair's mass above threshold: a gamma distribution, in GeV


def radiation(events: int, signal: bool, rng: np.random.Generator) -> np.ndarray:
    """Draw which of the possible jets each event radiates: (RADIATED, events) bool."""
    return np.arange(RADIATED)[:, None] < rng.poisson(_RADIATED_MEAN[signal], events)


def collide(
    radiated: np.ndarray, signal: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw lepton (4, n), neutrino (4, n) and partons (4, QUARKS + RADIATED, n) of each event of `radiated`.

    The partons are b, b, q, q, then the radiated jets, with zero momentum where there is none.
    """
    jets = _radiated_jets(radiated, signal, rng)
    system, system_mass = _system(-jets.sum(1), signal, rng)
    first, second, b1, b2 = (_signal if signal else _background)(system, system_mass, rng)
    swap = rng.random(len(system_mass), FLOAT) < 0.5
    (leptonic, m_leptonic), (hadronic, m_hadronic) = (
        tuple(np.where(swap, x, y) for x, y in zip(one, other, strict=True))
        for one, other in ((second, first), (first, second))
    )
    lepton, neutrino = decay(leptonic, m_leptonic, 0.0, 0.0, rng)
    light = decay(hadronic, m_hadronic, 0.0, 0.0, rng)
    partons = np.concatenate([np.stack([b1, b2, *light], axis=1), jets], axis=1)
    return lepton, neutrino, partons


def _radiated_jets(radiated: np.ndarray, signal: bool, rng: np.random.Generator) -> np.ndarray:
    """Draw four-vectors (4, RADIATED, n), zero where `radiated` is False."""
    shape, power = radiated.shape, _RADIATED_POWER[signal]
    last = FLOAT.type((_RADIATED_LEAST / _RADIATED_MOST) ** power)
    u = last + (1 - last) * rng.random(shape, FLOAT)
    pt = radiated * (FLOAT.type(_RADIATED_LEAST) * np.exp(np.log(u) / FLOAT.type(-power)))
    phi = angle(shape, rng, FLOAT)
    eta = FLOAT.type(_RADIATED_ETA) * rng.standard_normal(shape, FLOAT)
    return from_rapidity(pt, pt * np.cos(phi), pt * np.sin(phi), eta)


def _system(recoil: np.ndarray, signal: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw what the gluons produce, four-vector (4, n) and mass (n,), with the transverse momentum of `recoil`."""
    n = recoil.shape[1]
    if signal:
        m = np.full(n, HEAVY_HIGGS, FLOAT)
    else:
        above = rng.standard_gamma(_TT_SHAPE, n, FLOAT)
        m = FLOAT.type(2 * TOP_MASS + 0.1) + FLOAT.type(_TT_FALL) * above
    mt = np.sqrt(m * m + recoil[1] * recoil[1] + recoil[2] * recoil[2])
    rapidity = FLOAT.type(_RAPIDITY) * rng.standard_normal(n, FLOAT)
    return from_rapidity(mt, recoil[1], recoil[2], rapidity), m


def _w_masses(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw masses (2, n) of two W, Breit-Wigner, cut at 10 widths."""
    edge = FLOAT.type(np.arctan(20.0))
    u = 2 * rng.random((2, n), FLOAT) - 1
    return FLOAT.type(W_MASS) + FLOAT.type(W_WIDTH / 2) * np.tan(edge * u)


def _signal(system: np.ndarray, m: np.ndarray, rng: np.random.Generator) -> _Products:
    """Draw H0 -> W H±, H± -> W h0, h0 -> b b: each W with its mass, and the b quarks."""
    m1, m2 = _w_masses(len(m), rng)
    charged_mass, light_mass = np.full_like(m, CHARGED_HIGGS), np.full_like(m, LIGHT_HIGGS)
    w1, charged = decay(system, m, m1, charged_mass, rng)
    w2, light = decay(charged, charged_mass, m2, light_mass, rng)
    return (w1, m1), (w2, m2), *decay(light, light_mass, 0.0, 0.0, rng)


def _background(system: np.ndarray, m: np.ndarray, rng: np.random.Generator) -> _Products:
    """Draw t t, t -> W b: each W with its mass, and the b quarks."""
    m1, m2 = _w_masses(len(m), rng)
    top_mass = np.full_like(m, TOP_MASS)
    speed = np.sqrt(1 - (2 * top_mass / m) ** 2)
    u = 2 * rng.random(len(m), FLOAT) - 1
    cos = np.tanh(u * np.arctanh(speed)) / speed  # density 1 / (1 - speed² cos²): gluons exchange a top
    t1, t2 = decay(system, m, top_mass, top_mass, rng, cos)
    w1, b1 = decay(t1, top_mass, m1, 0.0, rng)
    w2, b2 = decay(t2, top_mass, m2, 0.0, rng)
    return (w1, m1), (w2, m2), b1, b2


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
    """Transform `p` (4, n) from the rest frame of `frame` (4, n), of mass `frame_mass` > 0, to where that moves."""
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
    """Return the two particles (4, n) that `parent` (4, n) decays into, isotropically in its rest frame.

    The masses are numbers or (n,); those of the two must not exceed the parent's together. `cos` (n,) is the cosine
    of the first particle's angle to the z axis in the rest frame, uniform by default.
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
