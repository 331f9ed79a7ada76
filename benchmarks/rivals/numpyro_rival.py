"""The rival in NumPyro with an associative scan; an environment of its own.

python numpyro_rival.py DATA.npz DRAWS.npz TUNE DRAWS
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

NAMES = (
    "trough_ratio recovery_half_life onset_ratio choice_rest latency_rest latency_sigma "
    "choice_gain_trough latency_gain_trough choice_rest_sd latency_rest_sd peak_sd "
    "choice_rest_group latency_rest_group peak_group"
).split()


def main() -> None:
    """Build, sample and write the draws."""
    import numpyro

    numpyro.set_host_device_count(4)
    numpyro.enable_x64()
    import jax
    import jax.numpy as jnp
    import numpyro.distributions as dist
    from jax.scipy.stats import norm
    from numpyro.infer import MCMC, NUTS

    source, target, tune, draws = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    d, k = dict(np.load(source)), 0.1
    subjects = int(d["subjects"])
    steps = int(np.diff(d["first"]).max())
    gap, add = np.zeros((steps, subjects)), np.zeros((steps, subjects))
    place = np.empty(len(d["y"]), dtype=np.int64)
    for s in range(subjects):
        own = slice(d["first"][s], d["first"][s + 1])
        count, rows = own.stop - own.start, d["row"][own]
        gap[:count, s] = d["gap"][own]
        add[:count, s] = rows < 0
        place[rows[rows >= 0]] = np.flatnonzero(rows >= 0) * subjects + s
    subject, seen = d["subject"], d["censored"] == 0

    def combine(one, other):
        return one[0] * other[0], one[1] * other[0] + other[1]

    def state(rate):
        decay = jnp.exp(-rate * gap)
        return jax.lax.associative_scan(combine, (decay, jnp.asarray(add)))[1].reshape(-1)[place]

    def model():
        crossing = numpyro.sample("crossing", dist.ImproperUniform(dist.constraints.real, (), ()))
        half = numpyro.sample(
            "recovery_half_life", dist.LogNormal(float(d["log_half_life_prior"]), 0.8)
        )
        nu = numpyro.sample("onset_ratio", dist.LogNormal(np.log(0.1), 0.8))
        x_c = jax.nn.sigmoid(crossing)
        slope = jnp.sqrt((1 + x_c) ** 2 + nu * (nu + 2) * (1 - x_c) ** 2)
        x_p = ((nu + 1) * (1 + x_c) + slope) / (2 * (nu + 2))
        x_m = 2 * nu * x_c / ((nu + 1) * (1 + x_c) + slope)
        ratio = nu * jnp.log(x_m / x_p) + jnp.log(
            (1 - x_m) * (x_c - x_m) / ((1 - x_p) * (x_p - x_c))
        )
        numpyro.factor("ratio", norm.logpdf(ratio, np.log(0.3), 0.7) + jnp.log(slope))
        ratio = numpyro.deterministic("trough_ratio", jnp.exp(ratio))
        lam = np.log(2) / half
        kap = lam / nu
        size = jnp.exp(-nu * jnp.log(x_p)) / ((1 - x_p) * (x_p - x_c))
        level = size * (-x_c * state(lam) + (1 + x_c) * state(lam + kap) - state(lam + 2 * kap))
        group = {}
        for name, width in (("choice_rest", 1.0), ("latency_rest", 0.5), ("peak", 0.5)):
            sd = numpyro.sample(f"{name}_sd", dist.HalfNormal(width))
            z = numpyro.sample(f"{name}_z", dist.Normal().expand([subjects]).to_event(1))
            group[name] = numpyro.deterministic(f"{name}_group", sd * z)[subject]
        moved = jax.nn.softplus(-jnp.exp(group["peak"]) * level / k) - np.log(2)
        moved = moved / (jax.nn.softplus(ratio / k) - np.log(2))
        gain = numpyro.sample("choice_gain_trough", dist.HalfNormal(1.5))
        rest = numpyro.sample("choice_rest", dist.Normal(0, 1.5))
        eta = rest + group["choice_rest"] + gain * moved
        numpyro.sample("y", dist.Bernoulli(logits=eta), obs=d["y"])
        speed = numpyro.sample("latency_gain_trough", dist.HalfNormal(0.5))
        mean = numpyro.sample("latency_rest", dist.Normal(0, 2))
        mu = -(mean + group["latency_rest"] + speed * moved)
        sigma = numpyro.sample("latency_sigma", dist.LogNormal(np.log(0.5), 0.7))
        z = (d["log_latency"] - mu) / sigma
        numpyro.factor(
            "latency",
            jnp.where(seen, norm.logpdf(z) - jnp.log(sigma), norm.logcdf(-z)).sum(),
        )

    sampler = MCMC(
        NUTS(model),
        num_warmup=tune,
        num_samples=draws,
        num_chains=4,
        chain_method="parallel",
        progress_bar=False,
    )
    began = time.perf_counter()
    sampler.warmup(jax.random.key(1), extra_fields=("num_steps",), collect_warmup=True)
    jax.block_until_ready(sampler.last_state)  # JAX returns before it has computed
    warmed = time.perf_counter()
    sampler.run(jax.random.key(2), extra_fields=("num_steps", "diverging"))
    extra = sampler.get_extra_fields(group_by_chain=True)
    found = sampler.get_samples(group_by_chain=True)
    jax.block_until_ready((extra, found))
    ended = time.perf_counter()
    np.savez(target, **{n: np.asarray(found[n]) for n in NAMES})
    print(
        json.dumps(
            {
                "compile": 0.0,  # part of the warm-up: JAX compiles at the first call
                "sample": ended - began,
                "warmup": warmed - began,
                "gradients": float(extra["num_steps"].sum()),
                "divergences": int(extra["diverging"].sum()),
            }
        )
    )


if __name__ == "__main__":
    main()
