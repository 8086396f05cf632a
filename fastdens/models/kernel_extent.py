"""How far smoothing kernels are felt."""

from __future__ import annotations

# Beyond so many bandwidths nothing of a kernel is left that a double can hold.
FARTHEST = {"gaussian": 40.0, "exponential": 750.0}
