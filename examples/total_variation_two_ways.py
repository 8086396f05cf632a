"""The total variation of two distributions on four outcomes, both ways: by all subsets, and as half the L1 distance."""

import fastdens as fd

p = [0.5, 0.25, 0.25, 0.0]
q = [0.0, 0.25, 0.25, 0.5]

print(fd.list_subsets(p, q))
print("by enumeration:      ", fd.total_variation_subsets(p, q).distance)
print("half the L1 distance:", fd.total_variation(p, q))

test = fd.best_test(p, q)
print("P or Q? The best test says P on outcomes", (test.accepts_p + 1).tolist())
print("sum of its error probabilities:", test.error_of_first_kind + test.error_of_second_kind)
