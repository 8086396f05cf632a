"""The density from nearest neighbours: `KNeighborsDensity`."""

from fastdens.models.neighbors_density.model import KNeighborsDensity

__all__ = ["KNeighborsDensity"]
