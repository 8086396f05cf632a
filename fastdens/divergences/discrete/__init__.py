"""Distributions on finitely many outcomes: distances, entropies, the best test between two."""
