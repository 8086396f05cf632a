"""The up-set of largest weight of a finite order: a maximum closure, by the preflow half of push-relabel.

What outcomes weigh above zero is their excess, below zero their deficit. Excess flows along the pairs i <= j of the
order, without bound, and back along what has flowed, to where it meets deficits. When no excess can reach a deficit,
what is reached from the outcomes that have kept some is the smallest up-set of largest weight: by duality its weight is
the excess that is left (Picard 1976, Maximal closure of a graph; Goldberg and Tarjan 1988, A new approach to the
maximum-flow problem). All numbers are whole.
"""

from fastdens.core._blocks cimport BlockQueue

cdef enum:
    STEPS_BETWEEN_LOOKS = 4096  # between two looks for Ctrl-C

cdef struct Network:
    Py_ssize_t n
    # Of node i, the pairs i <= heads[a] for a from starts[i] on, and the pairs sources[b] <= i, b from into_starts[i]
    # on, each with the place `pairs[b]` of the same pair among the first.
    const Py_ssize_t *starts
    const Py_ssize_t *heads
    const Py_ssize_t *into_starts
    const Py_ssize_t *sources
    const Py_ssize_t *pairs
    long long *flow
    long long *excess
    long long *deficit
    Py_ssize_t *label
    Py_ssize_t *arc
    Py_ssize_t *waiting  # a ring of the active nodes
    unsigned char *is_waiting
    Py_ssize_t first, count


cdef void enqueue(Network *net, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t place = net.first + net.count
    if net.is_waiting[i] or net.excess[i] == 0 or net.label[i] > net.n:
        return
    net.waiting[place - net.n if place >= net.n else place] = i
    net.is_waiting[i] = 1
    net.count += 1


cdef void label_by_distance(Network *net) noexcept nogil:
    # Labels are the distances to a node with a deficit, itself at 1; n + 1 where none is reached.
    cdef Py_ssize_t i, j, a, done = 0, seen = 0
    cdef Py_ssize_t *order = net.waiting
    for i in range(net.n):
        net.label[i], net.arc[i], net.is_waiting[i] = net.n + 1, net.starts[i], 0
        if net.deficit[i] > 0:
            net.label[i] = 1
            order[seen] = i
            seen += 1
    while done < seen:
        j = order[done]
        done += 1
        for a in range(net.into_starts[j], net.into_starts[j + 1]):
            i = net.sources[a]
            if net.label[i] > net.n:
                net.label[i] = net.label[j] + 1
                order[seen] = i
                seen += 1
        for a in range(net.starts[j], net.starts[j + 1]):
            i = net.heads[a]
            if net.flow[a] > 0 and net.label[i] > net.n:
                net.label[i] = net.label[j] + 1
                order[seen] = i
                seen += 1
    net.first = net.count = 0
    for i in range(net.n):
        enqueue(net, i)


cdef void push(Network *net, Py_ssize_t i, Py_ssize_t j, long long amount) noexcept nogil:
    net.excess[i] -= amount
    net.excess[j] += amount
    enqueue(net, j)


cdef void relabel(Network *net, Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t least = net.n, a
    for a in range(net.starts[i], net.starts[i + 1]):
        least = min(least, net.label[net.heads[a]])
    for a in range(net.into_starts[i], net.into_starts[i + 1]):
        if net.flow[net.pairs[a]] > 0:
            least = min(least, net.label[net.sources[a]])
    net.label[i] = least + 1
    net.arc[i] = net.starts[i]


cdef Py_ssize_t discharge(Network *net, Py_ssize_t i) noexcept nogil:
    # Move the excess of node i on until it has none or reaches no deficit; how often it was given a new label.
    cdef Py_ssize_t n_out = net.starts[i + 1], relabels = 0, a, b, j
    cdef long long amount = min(net.excess[i], net.deficit[i])
    net.excess[i] -= amount
    net.deficit[i] -= amount
    while net.excess[i] > 0 and net.label[i] <= net.n:
        a = net.arc[i]
        while a < n_out and net.excess[i] > 0:
            j = net.heads[a]
            if net.label[j] + 1 == net.label[i]:
                net.flow[a] += net.excess[i]
                push(net, i, j, net.excess[i])
                break
            a += 1
        if net.excess[i] > 0:
            b = net.into_starts[i] + (a - n_out)
            while b < net.into_starts[i + 1]:
                j = net.sources[b]
                if net.flow[net.pairs[b]] > 0 and net.label[j] + 1 == net.label[i]:
                    amount = min(net.excess[i], net.flow[net.pairs[b]])
                    net.flow[net.pairs[b]] -= amount
                    push(net, i, j, amount)
                    if net.excess[i] == 0:
                        break
                b += 1
            a = n_out + (b - net.into_starts[i])
        net.arc[i] = a
        if net.excess[i] > 0:
            relabel(net, i)
            relabels += 1
    return relabels


cdef void mark_reached(Network *net, unsigned char *inside) noexcept nogil:
    # What is reached from nodes that have kept excess.
    cdef Py_ssize_t i, j, a, done = 0, seen = 0
    cdef Py_ssize_t *order = net.waiting
    for i in range(net.n):
        inside[i] = net.excess[i] > 0
        if inside[i]:
            order[seen] = i
            seen += 1
    while done < seen:
        i = order[done]
        done += 1
        for a in range(net.starts[i], net.starts[i + 1]):
            j = net.heads[a]
            if not inside[j]:
                inside[j] = 1
                order[seen] = j
                seen += 1
        for a in range(net.into_starts[i], net.into_starts[i + 1]):
            j = net.sources[a]
            if net.flow[net.pairs[a]] > 0 and not inside[j]:
                inside[j] = 1
                order[seen] = j
                seen += 1


def largest_up_set(
    const Py_ssize_t[::1] starts, const Py_ssize_t[::1] heads, const Py_ssize_t[::1] into_starts,
    const Py_ssize_t[::1] sources, const Py_ssize_t[::1] pairs, long long[:, ::1] parts, long long[::1] flow,
    Py_ssize_t[:, ::1] buffer, unsigned char[:, ::1] inside_out, BlockQueue queue,
):
    """inside_out[0] marks the smallest up-set of largest weight; the rows of `parts`, those of the weights
    above and below zero, become what is left of them, and the sum of the first is that weight.

    The pairs are given twice, as in `Network`: by what they lead from, and by what they lead to. `buffer` has three
    rows, `inside_out` two, of one entry per node. All of it is one block.
    """
    cdef Network net
    cdef Py_ssize_t i, relabels = 0, steps = 0
    cdef long long block
    if starts.shape[0] < 2 or heads.shape[0] == 0:
        raise ValueError("an order has a node and a pair at least")
    net.n = starts.shape[0] - 1
    net.starts, net.heads, net.into_starts = &starts[0], &heads[0], &into_starts[0]
    net.sources, net.pairs, net.flow = &sources[0], &pairs[0], &flow[0]
    net.excess, net.deficit = &parts[0, 0], &parts[1, 0]
    net.label, net.arc, net.waiting, net.is_waiting = &buffer[0, 0], &buffer[1, 0], &buffer[2, 0], &inside_out[1, 0]
    with nogil:
        if queue.next(&block):
            label_by_distance(&net)
            while net.count > 0:
                i = net.waiting[net.first]
                net.first = net.first + 1 if net.first + 1 < net.n else 0
                net.count -= 1
                net.is_waiting[i] = 0
                relabels += discharge(&net, i)
                if relabels > net.n:
                    # New labels from the distances themselves: without them labels rise by one at a time.
                    label_by_distance(&net)
                    relabels = 0
                steps += 1
                if steps % STEPS_BETWEEN_LOOKS == 0 and queue.must_stop():
                    break
            mark_reached(&net, &inside_out[0, 0])
