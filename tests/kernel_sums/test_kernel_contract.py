"""The contract of a smoothing kernel: what it states is true, and what needs more of it works or says so.

Every kernel of the registry is tested, and one that has no more than it must have. `pytest -k NAME` runs what concerns
one kernel here and in all other files.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import fastdens as fd
from fastdens.bandwidths import ALL_RULES
from fastdens.bandwidths.self_convolution import self_convolution
from fastdens.kernel_sums.integrated.integrated_sums import IntegratedSum
from fastdens.kernel_sums.kernels import registry
from fastdens.kernel_sums.kernels.registry import KERNELS, SmoothingKernel, check_able
from fastdens.kernel_sums.planning.routes import ROUTE_OF
from fastdens.kernel_sums.sorted._sorted_moments import FORMS
from fastdens.reference.kernel_sums import PROFILES

BARE = "bare"  # a kernel with nothing beyond its fixed attributes
LEVELS = [registry.VISIBLE, registry.QUADRATURE, registry.ROUNDING, registry.CUT_OFF, registry.IMAGE,
          registry.NORMALISER, registry.ZERO, registry.BEYOND_ZERO]  # fmt: skip


@pytest.fixture(params=[*KERNELS, BARE])
def kernel(request, monkeypatch):
    """A kernel; the bare one has the formula of the triweight, and no other attribute that may be left out."""
    if request.param == BARE:
        full = KERNELS["triweight"]
        given = {f.name for f in dataclasses.fields(SmoothingKernel) if f.default is dataclasses.MISSING}
        given = given - {"radii"} | {"order_of_contact", "of_gap"}
        bare = SmoothingKernel(**{name: getattr(full, name) for name in given} | {"name": BARE})
        object.__setattr__(bare, "compiled", (full.code, False, False))
        monkeypatch.setitem(KERNELS, BARE, bare)
        monkeypatch.setitem(PROFILES, BARE, PROFILES["triweight"])
    return KERNELS[request.param]


@pytest.fixture
def points(random):
    return random.normal(size=(60, 2))


def or_refusal(call, *words):
    """What the call returns; None where it is refused in words, the kernel and those who can among them."""
    try:
        return call()
    except ValueError as error:
        refusal = str(error)
    assert all(word in refusal for word in words), refusal
    return None


# --- what a kernel states ---------------------------------------------------------------------------------------------


def test_the_order_of_contact_is_that_of_the_profile_at_the_edge(kernel):
    if not kernel.is_compact:
        assert kernel.order_of_contact == 0
        return
    gap = 2.0 ** -np.array([14.0, 18.0])
    values = kernel.profile(np.sqrt(1 - gap))
    order = math.log(values[0] / values[1]) / math.log(gap[0] / gap[1]) if values[1] > 0 else math.nan
    assert order == pytest.approx(kernel.order_of_contact, abs=1e-3)
    assert kernel.is_continuous == (kernel.order_of_contact > 0)


def test_values_by_the_gap_and_their_slope(kernel):
    if kernel.of_gap is None or kernel.order_of_contact == 0:
        return
    gap = np.concatenate([np.linspace(0, 1, 4001), np.logspace(-12, -3, 40)])
    u = np.sqrt(1 - gap)
    np.testing.assert_allclose(kernel.of_gap(gap), kernel.profile(u), rtol=1e-11, atol=1e-15)
    tiny = np.array([1e-18, 1e-14])  # no digits are lost there
    assert kernel.of_gap(tiny[1:]) / kernel.of_gap(tiny[:1]) == pytest.approx(1e4**kernel.order_of_contact, rel=1e-9)
    gap = np.linspace(0, 0.999, 20_001)
    root = kernel.of_gap(gap) ** (1 / kernel.order_of_contact)
    steepest = np.diff(root).max() / (gap[1] - gap[0])
    # Near a kink at the centre distances are exact in proportion; bounds have room for a quarter.
    assert steepest <= 1.25 * kernel.contact_slope or kernel.kink_at_centre


def test_steepness_is_within_what_the_tree_allows_for(kernel):
    u = np.linspace(0, min(kernel.support, 12.0) - 1e-6, 100_001)
    slopes = np.abs(np.diff(kernel.profile(u))) / (u[1] - u[0])
    assert (slopes * u[1:] / 2).max() < 3


def test_radii_hold(kernel):
    for level in LEVELS:
        radius = kernel.radius(level)
        assert kernel.profile(np.array([radius * (1 + 1e-9)]))[0] <= math.exp(-level) * (1 + 1e-6)
        if not kernel.is_compact:
            beyond = kernel.radius_beyond(3.0, level, 2.0) / 2
            share = math.log(kernel.profile(np.array([1.5]))[0]) - level
            if share > -700:
                assert math.log(kernel.profile(np.array([beyond]))[0]) == pytest.approx(share, rel=1e-9)


def test_kinks_at_the_centre(kernel):
    u = np.array([0.0, 1e-4])
    slope = abs(np.diff(kernel.profile(u))[0]) / 1e-4
    assert (slope > 1e-2) == kernel.kink_at_centre


def test_closed_forms(kernel):
    u = np.linspace(0, 0.99, 34)
    if kernel.square is not None:
        other, factor = kernel.square
        np.testing.assert_allclose(KERNELS[other].profile(factor * u), kernel.profile(u) ** 2, rtol=1e-14)
    if kernel.power is not None:
        np.testing.assert_allclose((1 - u * u) ** kernel.power, kernel.profile(u), rtol=1e-14)
    if kernel.tail is not None:
        step = 1e-5
        density = (kernel.tail(u + step) - kernel.tail(u + 2 * step)) / step
        expected = kernel.profile(u + 1.5 * step) * math.exp(-kernel.log_normaliser(1))
        np.testing.assert_allclose(density, expected, rtol=1e-6)
    if kernel.self_convolution is not None:
        assert kernel.self_convolution(1, np.zeros(1))[0] == pytest.approx(math.exp(kernel.log_roughness(1)), rel=1e-12)
    if kernel.integral is not None:
        slope = np.polynomial.Polynomial(kernel.integral[0]).deriv()(u)
        np.testing.assert_allclose(
            slope, kernel.profile(u) * math.exp(-kernel.log_normaliser(1)), rtol=1e-13, atol=1e-15
        )
    if kernel.sorted_moments is not None:
        assert kernel.sorted_moments in FORMS


def test_rows_that_cannot_be_are_refused():
    full = KERNELS["biweight"]
    with pytest.raises(ValueError, match="support must be 1, or inf with a log2_exponent, got 2.0 for kernel="):
        dataclasses.replace(full, support=2.0)
    with pytest.raises(ValueError, match="of_gap must be given where order_of_contact is not 0, got None"):
        dataclasses.replace(full, of_gap=None)
    with pytest.raises(ValueError, match=r"log2_exponent must be that of exp\(-u\) or exp\(-u\^2 / 2\)"):
        dataclasses.replace(KERNELS["gaussian"], log2_exponent=-1.0)
    with pytest.raises(ValueError, match="a wing needs a kernel with feathers: one of 'tophat', got kernel='biweight'"):
        check_able(full, "a wing", "with feathers", lambda other: other.power == 0)


# --- routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_route_agrees_or_says_why_and_so_does_the_plan(kernel, d, random):
    X, Q = random.normal(size=(400, d)), random.normal(size=(90, d))
    expected = PROFILES[kernel.name](np.sqrt(((Q[:, None] - X) ** 2).sum(axis=2)) / 0.8).sum(axis=1)
    for route in ROUTE_OF:
        arguments = {"bandwidth": 0.8, "kernel": kernel.name, "algorithm": route}
        found = or_refusal(lambda a=arguments: fd.kernel_sum(X, Q, **a), f"algorithm={route!r} cannot be used here: ")
        if found is not None:
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
            assert fd.plan(X, Q, **arguments).route in (ROUTE_OF[route], "direct")
        else:
            with pytest.raises(ValueError, match=f"algorithm='{route}' cannot be used here"):
                fd.plan(X, Q, **arguments)
    if d == 1 and kernel.sorted_moments is None:
        with pytest.raises(ValueError, match=f"sums follow from moments, not kernel='{kernel.name}'"):
            fd.kernel_sum(X, Q, bandwidth=0.8, kernel=kernel.name, algorithm="sorted")


def test_the_plan_gives_the_reason_for_each_route_not_taken(kernel):
    X = np.linspace(0, 1, 5000)[:, None]
    plan = fd.plan(X, bandwidth=0.1, kernel=kernel.name)
    assert set(plan.others) == {"direct", "sorted", "fast_gauss", "tree"} - {plan.route}
    for route, needed in (("sorted", kernel.sorted_moments is not None), ("fast_gauss", kernel.is_product)):
        if not needed:
            assert f"kernel={kernel.name!r}" in plan.others[route]
            assert f"not {route}: " in plan.explain()


def test_bounds_enclose_the_sum(kernel, points):
    Q = points[:20] + 0.1
    found, lower, upper = fd.kernel_sum(points, Q, bandwidth=0.9, kernel=kernel.name, return_bounds=True)
    expected = PROFILES[kernel.name](np.sqrt(((Q[:, None] - points) ** 2).sum(axis=2)) / 0.9).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    assert ((lower <= expected * (1 + 1e-12)) & (expected * (1 - 1e-12) <= upper)).all()


# --- bandwidths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ALL_RULES)
def test_every_rule_gives_a_bandwidth(kernel, rule, random):
    for d in (1, 2):
        x = random.normal(size=(150, d))
        h = or_refusal(lambda x=x: fd.bandwidth(x, rule, kernel=kernel.name), f"rule={rule!r} needs X with one feature")
        assert (h is None and d == 2) or (np.isfinite(h).all() and (np.asarray(h) > 0).all())


def test_the_self_convolution_starts_at_the_roughness(kernel):
    for d in (1, 2):
        assert self_convolution(kernel, d, np.zeros(1))[0] == pytest.approx(math.exp(kernel.log_roughness(d)), rel=1e-5)


# --- models -----------------------------------------------------------------------------------------------------------

# What a method needs of the kernel beyond what every kernel has.
NEEDS = {
    "cdf": lambda kernel: kernel.has_tail,
    "sf": lambda kernel: kernel.has_tail,
    "ppf": lambda kernel: kernel.has_tail,
    "box_probability": lambda kernel: kernel.has_tail,
    "to_uniform": lambda kernel: kernel.has_tail,
    "from_uniform": lambda kernel: kernel.has_tail,
    "score_gradient": lambda kernel: kernel.has_slope,
    "compress": lambda kernel: kernel.slope is not None,
}


def asked(X):
    """Calls of every public method that a kernel has a say in."""
    return {
        "score_samples": lambda model: model.score_samples(X[:9]),
        "bounds": lambda model: model.score_samples(X[:9], return_bounds=True)[1],
        "loo_score_samples": lambda model: model.loo_score_samples(),
        "sample": lambda model: model.sample(7, random_state=0),
        "score": lambda model: model.score(X),
        "entropy": lambda model: model.entropy(n_samples=100),
        "level": lambda model: model.level(0.5, n_samples=100),
        "confidence_band": lambda model: model.confidence_band(X[:9])[1],
        "evaluate_grid": lambda model: model.evaluate_grid(n_points=5)[1],
        "cdf": lambda model: model.cdf(X[:9]),
        "sf": lambda model: model.sf(X[:9]),
        "ppf": lambda model: model.ppf([0.1, 0.5]),
        "box_probability": lambda model: model.box_probability(X.min(axis=0), X.max(axis=0)),
        "to_uniform": lambda model: model.to_uniform(X[:9]),
        "from_uniform": lambda model: model.from_uniform(np.full((3, X.shape[1]), 0.4)),
        "score_gradient": lambda model: model.score_gradient(X[:9]),
        "compress": lambda model: model.compress(1e-2).points_,
    }


@pytest.mark.parametrize("method", asked(np.zeros((1, 1))))
def test_every_method_works_or_says_what_it_needs(kernel, method, points):
    X = points[:, :1]
    model = fd.KernelDensity(bandwidth=0.8, kernel=kernel.name).fit(X)
    if NEEDS.get(method, lambda kernel: True)(kernel):
        answer = asked(X)[method](model)
        assert not np.isnan(np.asarray(answer, dtype=float)).any()
    else:
        with pytest.raises(ValueError, match=f"needs a kernel .*one of 'gaussian', .* got kernel='{kernel.name}'"):
            asked(X)[method](model)


@pytest.mark.parametrize("method", asked(np.zeros((1, 1))))
def test_and_in_the_plane(kernel, method, points):
    model = fd.KernelDensity(bandwidth=0.8, kernel=kernel.name).fit(points)
    answer = or_refusal(lambda: asked(points)[method](model), "needs", "got ")
    assert answer is None or not np.isnan(np.asarray(answer, dtype=float)).any()


@pytest.mark.parametrize("options", [
    {"metric": "manhattan"}, {"metric": "chebyshev"}, {"bounds": [(-4, 4), (None, 5)]}, {"period": [9.0, None]},
    {"bounds": [(-4, 4), (-5, None)], "boundary": "transform"},
], ids=str)  # fmt: skip
def test_metrics_and_boundaries(kernel, options, points):
    model = fd.KernelDensity(bandwidth=0.7, kernel=kernel.name, **options).fit(points)
    assert np.isfinite(model.score_samples(points)).all()
    assert np.isfinite(model.sample(5, random_state=0)).all()


def test_corrected_kernels_and_marginals(kernel, points):
    X = points[:, :1]
    model = fd.KernelDensity(bandwidth=0.7, kernel=kernel.name, bounds=(-4, 4), boundary="linear")
    fitted = or_refusal(lambda: model.fit(X), "boundary='linear' needs a kernel with a compiled tail", kernel.name)
    assert (fitted is not None) == kernel.has_tail
    plane = fd.KernelDensity(bandwidth=0.7, kernel=kernel.name).fit(np.c_[points, points[:, :1] ** 2])
    marginal = or_refusal(lambda: plane.marginal(0), "the marginal of kernel=", kernel.name)
    known = registry.marginal_of(kernel, 2)
    assert (marginal is None) == (known is None)
    assert marginal is None or marginal.kernel_ == known.name
    if not kernel.is_product:
        with pytest.raises(ValueError, match=f"needs kernel='gaussian'.*got kernel='{kernel.name}'"):
            plane.condition([0], [0.0])


def test_adaptive_estimates(kernel, points):
    X = points[:, :1]
    model = fd.AdaptiveKernelDensity(bandwidth=0.8, kernel=kernel.name).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite(model.sample(5, random_state=0)).all()
    below = model.cdf([[-30.0], [0.0], [30.0]])  # by quadrature where no tail is known
    assert below[0] == pytest.approx(0, abs=1e-6)
    assert below[2] == pytest.approx(1, abs=1e-6)
    gradient = or_refusal(lambda: model.score_gradient(X), "a gradient needs a kernel with a compiled slope")
    assert (gradient is not None) == kernel.has_slope


def test_divergence_by_quadrature(kernel, points):
    X = points[:, :1]
    one = fd.KernelDensity(bandwidth=0.8, kernel=kernel.name).fit(X)
    other = fd.KernelDensity(bandwidth=0.8, kernel=kernel.name).fit(X + 0.5)
    assert 0 < fd.divergence(one, other, "tv").value < 1


def test_more_moments_than_there_is_room_for_are_refused():
    long = dataclasses.replace(KERNELS["cosine"], integral=((*KERNELS["cosine"].integral[0], 0.0, 0.0, 0.0),))
    sums = IntegratedSum(np.linspace(0, 1, 500), long, 0.4)
    with pytest.raises(ValueError, match="a kernel must have at most 18 moments, got 21"):
        sums._by_moments(np.array([0.5]))
