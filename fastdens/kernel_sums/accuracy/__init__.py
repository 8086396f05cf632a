"""What rounding does to a sum, bounds of it, and sums formed again where it did too much."""
