"""The hard process of the toy collider: what two gluons produce, and its decays, as four-vectors.

Signal and background end in the same particles (GeV):

    signal      g g -> H0(425) -> W H±(325),  H± -> W h0(125),  h0 -> b b
    background  g g -> t t,  t -> W b  (twice)

with one W going to lepton and neutrino and the other to two light quarks. The benchmark is that of Baldi,
Sadowski and Whiteson 2014 (arXiv 1402.4735). Every decay is isotropic; the top pair is made along the
beam rather than across it. Radiated jets push the whole system across the beam, and the gluons' unequal
momenta push it along.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from gengap.data.physics.kinematics import angle, decay, from_rapidity

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
    """Draw one collision for each event of `radiated` (RADIATED, n).

    Returns:
        Lepton (4, n), neutrino (4, n) and partons (4, QUARKS + RADIATED, n): b, b, q, q, then the radiated jets,
        with zero momentum where there is none.
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
