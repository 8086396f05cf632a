"""Sums over all subsets of outcomes, exact, and over families of sets."""
