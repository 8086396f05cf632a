"""Bandwidths chosen from data with one feature; peers' rules differ in detail, so answers are not compared closely."""

from __future__ import annotations

import numpy as np

import fastdens as fd

from . import peers
from .common import size

RULES = ("scott", "silverman", "likelihood", "lscv", "isj", "sheather-jones", "plug-in")
PEERS = ["KDEpy isj", "fastdens isj", "statsmodels cv_ls", "fastdens lscv", "statsmodels cv_ml", "fastdens likelihood"]


def normal(n):
    return np.random.default_rng(0).normal(size=(n, 1))


class Rules:
    """Seconds of every rule, for normal data."""

    params = [[size(10**6, 500)], list(RULES)]  # noqa: RUF012
    param_names = ["rows", "rule"]  # noqa: RUF012
    timeout = 120

    def setup(self, rows, rule):
        self.x = normal(rows)

    def time_bandwidth(self, rows, rule):
        fd.bandwidth(self.x, rule)

    def track_ratio_to_optimum(self, rows, rule):
        """Bandwidth over the asymptotic optimum of normal data (that of the squared error)."""
        return float(fd.bandwidth(self.x, rule) / ((4 / 3) ** 0.2 * rows**-0.2))

    track_ratio_to_optimum.unit = "bandwidth / optimum"


class Forms:
    """Seconds of the rules that look for several numbers, two features."""

    params = [["lscv", "plug-in"], ["scalar", "axes", "matrix"]]  # noqa: RUF012
    param_names = ["rule", "form"]  # noqa: RUF012
    timeout = 120

    def setup(self, rule, form):
        self.X = np.random.default_rng(0).normal(size=(size(10**5, 200), 2))

    def time_bandwidth(self, rule, form):
        fd.bandwidth(self.X, rule, form=form)


class Peers:
    """The peers' rules of the same name, at sizes that they can do."""

    params = [PEERS]  # noqa: RUF012
    param_names = ["rule"]  # noqa: RUF012
    timeout = 120

    def setup(self, rule):
        self.x = normal(size(10**6 if rule.endswith("isj") else 1000, 50))
        package, name = rule.split()
        if package == "KDEpy":
            module = peers.module("KDEpy", "bw_selection")
            self.call = lambda: module.improved_sheather_jones(self.x)
        elif package == "statsmodels":
            module = peers.module("statsmodels", "nonparametric.api")
            self.call = lambda: module.KDEMultivariate(self.x, "c", bw=name)
        else:
            self.call = lambda: fd.bandwidth(self.x, name)

    def time_rule(self, rule):
        self.call()
