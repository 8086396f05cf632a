"""Pure-NumPy twins of every compiled function: the same names and signatures, for tests and benchmarks only.

Nothing in the package falls back to them, so that a comparison with a twin always compares two implementations.
They state the mathematics plainly, use memory freely and check nothing.
"""
