"""What rounding does to a sum, bounds of it, and sums recomputed where it did too much."""
