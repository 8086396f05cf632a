"""Reference of `fastdens.subsets.set_families`: every interval, box and half-plane, with NumPy."""

import numpy as np


def largest_union(values, k):
    """The best sum with j stretches up to each place, stretch by stretch, and the way back through them."""
    n = len(values)
    sums = np.append(0, np.cumsum(values))
    tables = [np.zeros(n + 1, dtype=np.int64)]
    for _ in range(k):
        ending = np.maximum.accumulate(tables[-1] - sums) + sums  # a stretch, perhaps an empty one, ends here
        tables.append(np.maximum.accumulate(ending))
    inside, end = np.zeros(n, dtype=bool), n
    for before, table in zip(tables[-2::-1], tables[:0:-1]):
        end = int(np.argmax(table == table[end]))
        start = int(np.argmax(before[: end + 1] - sums[: end + 1]))
        inside[start:end] = True
        end = start
    return inside


def extreme_half_lines(x, y):
    """The counts of both samples at and below each point, and where their difference is largest and least."""
    points = np.concatenate([[-np.inf], np.unique(np.concatenate([x, y]))])
    below_x, below_y = np.searchsorted(x, points, side="right"), np.searchsorted(y, points, side="right")
    sums = below_x * len(y) - below_y * len(x)
    return tuple(int(a[i]) for i in (np.argmax(sums), np.argmin(sums)) for a in (sums, below_x, below_y))


def largest_box(columns, rows, values, n_threads=None):
    """For each lowest row, the sums by column of all ranges of rows above it, and the extreme stretches of each."""
    table = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.int64)
    np.add.at(table, (rows, columns), values)
    best, bounds = 0, np.empty(0, dtype=np.intp)
    for bottom in range(len(table)):
        sums = np.cumsum(np.cumsum(table[bottom:], axis=0), axis=1)
        sums = np.concatenate([np.zeros((len(sums), 1), dtype=np.int64), sums], axis=1)
        for sign in (1, -1):
            gains = sign * sums - np.minimum.accumulate(sign * sums, axis=1)
            top, last = np.unravel_index(np.argmax(gains), gains.shape)
            if gains[top, last] > abs(best):
                best = sign * int(gains[top, last])
                first = int(np.argmin(sign * sums[top, : last + 1]))
                bounds = np.array([first, last - 1, bottom, bottom + top])
    return best, bounds


def largest_half_plane(points, values, n_threads=None):
    """For each point, the others by the angle of the line through both; the sums to the left of the turning line."""
    total = int(values.sum())
    best, inside, normal, border = total, np.ones(len(points), dtype=bool), np.array([1.0, 0.0]), -1
    for pivot in range(len(points)):
        others = np.flatnonzero(np.arange(len(points)) != pivot)
        steps = points[others] - points[pivot]
        ahead = (steps[:, 1] > 0) | ((steps[:, 1] == 0) & (steps[:, 0] > 0))
        steps[~ahead] *= -1
        angles = np.arctan2(steps[:, 1], steps[:, 0])
        order = np.argsort(angles)
        angles, turned = angles[order], np.where(ahead, -1, 1)[order]
        left = values[others][ahead].sum() + np.append(0, np.cumsum(turned * values[others][order]))
        last_of_angle = np.concatenate([[True], np.diff(angles) > 1e-13, [True]])
        for places, with_pivot in ((left, 0), (left + values[pivot], 1)):
            for right in (0, 1):
                sums = np.where(last_of_angle, total - places if right else places, 0)
                passed = int(np.argmax(np.abs(sums)))
                if abs(sums[passed]) > abs(best):
                    best, border = int(sums[passed]), pivot
                    inside[others] = ahead
                    inside[others[order[:passed]]] ^= True
                    inside[pivot] = with_pivot
                    inside ^= bool(right)
                    before = angles[passed - 1] if passed else angles[-1] - np.pi
                    after = angles[passed] if passed < len(angles) else angles[0] + np.pi
                    middle = (before + after) / 2
                    normal = np.array([-np.sin(middle), np.cos(middle)]) * (-1 if right else 1)
    if best == 0:
        inside[:] = False
    return best, inside, normal / np.abs(normal).max(), border
