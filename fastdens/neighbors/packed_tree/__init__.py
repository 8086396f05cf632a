"""Distances of the k-th neighbours alone, by trees packed for vector instructions."""
