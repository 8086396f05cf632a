"""Divergences between laws with densities: formulas, integrals, draws, bounds."""
