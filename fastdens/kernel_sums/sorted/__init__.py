"""Exact sums of one feature over sorted points."""
