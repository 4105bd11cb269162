"""The laws that four-vectors obey, whatever the numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gengap.data.collision import boost, decay, from_rapidity, mass, neutrino_pz, pair_mass, transverse

momenta = st.floats(-500, 500)
masses = st.floats(1, 1000)


def four_vector(m: float, *p: float) -> np.ndarray:
    """One particle (4, 1) of mass `m` and momentum `p`."""
    return np.array([np.sqrt(m * m + sum(x * x for x in p)), *p])[:, None]


@given(masses, momenta, momenta, momenta, masses, momenta, momenta, momenta)
def test_a_boost_keeps_the_mass(m, x, y, z, frame_mass, fx, fy, fz):
    p, frame = four_vector(m, x, y, z), four_vector(frame_mass, fx, fy, fz)
    seen = boost(p, frame, np.array([frame_mass]))
    # E² - p² cancels: what is lost is relative to the energy.
    np.testing.assert_allclose(seen[0] ** 2 - (seen[1:] ** 2).sum(0), m * m, atol=1e-9 * seen[0, 0] ** 2)


@given(masses, momenta, momenta, momenta)
def test_a_particle_at_rest_moves_with_its_frame_and_back(m, x, y, z):
    frame = four_vector(m, x, y, z)
    at_rest = four_vector(m, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(boost(at_rest, frame, np.array([m])), frame, rtol=1e-12, atol=1e-9)
    mirror = np.concatenate([frame[:1], -frame[1:]])
    back = boost(frame, mirror, np.array([m]))
    np.testing.assert_allclose(back, at_rest, atol=1e-9 * frame[0, 0] ** 2 / m)


@given(masses, st.floats(0, 0.99), st.floats(0, 1), momenta, momenta, momenta, st.integers(0, 2**32))
def test_a_decay_keeps_four_momentum_and_gives_the_masses_asked(m, both, share, x, y, z, seed):
    parent, m1, m2 = four_vector(m, x, y, z), m * both * share, m * both * (1 - share)
    first, second = decay(parent, np.array([m]), m1, m2, np.random.default_rng(seed))
    np.testing.assert_allclose(first + second, parent, atol=1e-9 * parent[0, 0])
    for child, wanted in ((first, m1), (second, m2)):
        square = child[0] ** 2 - (child[1:] ** 2).sum(0)
        np.testing.assert_allclose(square, wanted * wanted, atol=1e-9 * parent[0, 0] ** 2)


def test_decays_at_rest_have_no_direction():
    n = 100_000
    parent = np.tile(four_vector(100.0, 0.0, 0.0, 0.0), n)
    first, second = decay(parent, np.full(n, 100.0), 10.0, 20.0, np.random.default_rng(0))
    directions = first[1:] / np.linalg.norm(first[1:], axis=0)
    noise = 5 / np.sqrt(n)
    assert np.abs(directions.mean(1)).max() < noise
    assert np.abs(directions @ directions.T / n - np.eye(3) / 3).max() < noise
    np.testing.assert_allclose(first[1:], -second[1:], atol=1e-9)


def test_a_decay_along_a_given_angle():
    parent, cos = four_vector(100.0, 0.0, 0.0, 0.0), np.array([0.25])
    first, _ = decay(parent, np.array([100.0]), 0.0, 0.0, np.random.default_rng(0), cos)
    np.testing.assert_allclose(first[[0, 3], 0], [50.0, 12.5])


@given(st.floats(1, 500), st.floats(-3, 3), st.floats(-3, 3))
def test_rapidity_and_transverse_momentum_come_back(pt, phi, eta):
    p = from_rapidity(*(np.array([v]) for v in (pt, pt * np.cos(phi), pt * np.sin(phi), eta)))
    np.testing.assert_allclose(transverse(p), pt)
    np.testing.assert_allclose(np.arcsinh(p[3] / pt), eta, atol=1e-9)
    np.testing.assert_allclose(mass(p), 0.0, atol=1e-6 * p[0, 0])


@given(momenta, momenta, momenta, momenta, momenta, momenta)
def test_two_massless_particles_weigh_the_same_either_way(x, y, z, u, v, w):
    p, q = four_vector(0.0, x, y, z), four_vector(0.0, u, v, w)
    np.testing.assert_allclose(pair_mass(p, q), mass(p + q), atol=1e-6 * (p + q)[0, 0])


def test_the_neutrino_gives_the_w_its_mass_or_its_transverse_mass():
    rng, n = np.random.default_rng(0), 5_000
    lepton = np.concatenate([np.zeros((1, n)), rng.normal(0, 40, (3, n))])
    lepton[0] = np.linalg.norm(lepton[1:], axis=0)
    missing = rng.normal(0, 40, (2, n))
    mt2 = 2 * (transverse(lepton) * np.hypot(*missing) - (lepton[1:3] * missing).sum(0))
    wanted = np.maximum(80.4, np.sqrt(mt2))
    assert 0.1 < (wanted > 80.4).mean() < 0.9
    for pz in neutrino_pz(lepton, missing, 80.4):
        neutrino = np.stack([np.sqrt((missing**2).sum(0) + pz**2), *missing, pz])
        np.testing.assert_allclose(mass(lepton + neutrino), wanted, rtol=1e-4)
