"""Compiled thinning loop; imported on first use because numba is slow to import."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def thin(rng, offset, start, stop, log_start, log_stop, tau, weight, refractory, limit):
    """Simulate presses session by session; see `dopafit.channel.thinning`."""
    session = np.empty(1024, np.int64)
    time = np.empty(1024)
    count = 0
    lift = 0.0
    for r in range(tau.size):
        lift += max(weight[r], 0.0)
    for s in range(offset.size - 1):
        last = -np.inf
        for i in range(offset[s], offset[s + 1]):
            length = stop[i] - start[i]
            bound = np.exp(max(log_start[i], log_stop[i]) + lift)
            t = start[i]
            while bound > 0.0:
                t += rng.standard_exponential() / bound
                if t >= stop[i]:
                    break
                gap = t - last
                if gap < refractory:
                    continue
                share = (t - start[i]) / length
                eta = log_start[i] + share * (log_stop[i] - log_start[i])
                for r in range(tau.size):
                    eta += weight[r] * np.exp(-gap / tau[r])
                if rng.random() * bound <= np.exp(eta):
                    if count == limit:
                        return session[:count], time[:count], False
                    if count == time.size:
                        more = np.empty(2 * count, np.int64)
                        more[:count] = session
                        session = more
                        longer = np.empty(2 * count)
                        longer[:count] = time
                        time = longer
                    session[count] = s
                    time[count] = t
                    count += 1
                    last = t
    return session[:count], time[:count], True
