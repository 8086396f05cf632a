"""Nearest neighbours and neighbours within a radius."""
