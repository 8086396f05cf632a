"""Discrepancies over restricted families of sets."""
