"""Divergences between distributions with densities: formulas, integrals, draws, bounds."""
