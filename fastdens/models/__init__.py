"""Density models, one file each, all fulfilling the contract in contract.py."""
