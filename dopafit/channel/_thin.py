"""Compiled thinning loop; imported on first use because numba is slow to import."""

from __future__ import annotations

import numpy as np

from dopafit.core.machine_code import kept


@kept(nogil=True)
def thin(rng, offset, start, stop, log_start, log_stop, tau, weight, refractory, limit, tries):
    """Simulate presses session by session; see `dopafit.channel.thinning`."""
    session = np.empty(1024, np.int64)
    time = np.empty(1024)
    count = 0
    tried = 0
    for s in range(offset.size - 1):
        last = -np.inf
        for i in range(offset[s], offset[s + 1]):
            length = stop[i] - start[i]
            top = max(log_start[i], log_stop[i])
            t = start[i]
            while True:
                t = max(t, last + refractory)
                # what history adds only decays until the next press: a bound from here on
                lift = 0.0
                for r in range(tau.size):
                    lift += max(weight[r], 0.0) * np.exp(-(t - last) / tau[r])
                bound = np.exp(top + lift)
                tried += 1
                if tried > tries or count == limit:
                    return session[:count], time[:count], False
                if not bound > 0.0:
                    break
                t += rng.standard_exponential() / bound
                if t >= stop[i]:
                    break
                eta = log_start[i] + (t - start[i]) / length * (log_stop[i] - log_start[i])
                for r in range(tau.size):
                    eta += weight[r] * np.exp(-(t - last) / tau[r])
                if rng.random() * bound > np.exp(eta):
                    continue
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
