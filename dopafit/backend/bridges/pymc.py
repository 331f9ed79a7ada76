"""A claim as a PyMC model: named priors, and one operation around the compiled likelihood."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import logodds
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import (
    generate_fallback_impl,
    register_funcify_and_cache_key,
)

from dopafit.backend.sampler.compiled import Density
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.model.layout.coordinates import Coordinates, on_link
from dopafit.model.layout.layout import Layout

__all__ = ["Landmarks", "pymc_model", "standard_coordinates"]

DISTRIBUTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "normal": lambda location, scale: pm.Normal.dist(location, scale),
    "lognormal": lambda location, scale: pm.LogNormal.dist(location, scale),
    "logit_normal": lambda location, scale: pm.LogitNormal.dist(location, scale),
    "half_normal": lambda _, scale: pm.HalfNormal.dist(scale),
}
LINKS: dict[str, Callable[[Any], Any]] = {"log": pt.log, "logit": pm.math.logit}

Landmarks = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
"""From the population's values by name to what follows from them."""


class LogLikelihood(Op):
    """The log likelihood at theta (entry,), with its gradient as a second output.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._density = Density(layout).of_theta()

    def __reduce__(self) -> tuple[type, tuple[Layout]]:
        return LogLikelihood, (self.layout,)

    def make_node(self, theta: Any) -> Apply:
        """Return the application to theta."""
        outputs = [pt.dscalar("log_likelihood"), pt.dvector("slope")]
        return Apply(self, [pt.as_tensor_variable(theta)], outputs)

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Call the compiled function."""
        value, slope = self._density(inputs[0])
        output_storage[0][0], output_storage[1][0] = np.asarray(value), slope

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        """Return the shapes of value and gradient."""
        return [(), shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Return that only the value is differentiated."""
        return [[True, False]]

    def pullback(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:
        """Return the gradient, which the function gave beside the value."""
        return [cotangents[0] * outputs[1]]


class Derived(Op):
    """Numbers that follow from the population's values; worked out in NumPy, without a gradient."""

    def __init__(self, names: tuple[str, ...], landmarks: Landmarks, outputs: tuple[str, ...]):
        self.names, self.landmarks, self.outputs = names, landmarks, outputs

    def make_node(self, *values: Any) -> Apply:
        """Return the application to the values, in the order of the names."""
        return Apply(self, list(values), [pt.dscalar(name) for name in self.outputs])

    def perform(self, node: Apply, inputs: list[Any], output_storage: list[list[Any]]) -> None:
        """Call the function."""
        found = self.landmarks(dict(zip(self.names, map(np.asarray, inputs), strict=True)))
        for storage, name in zip(output_storage, self.outputs, strict=True):
            storage[0] = np.asarray(found[name], dtype=float).reshape(())


@register_funcify_and_cache_key(LogLikelihood)
@register_funcify_and_cache_key(Derived)
def _called_from_numba(op: Op, node: Apply, **options: Any) -> tuple[Any, None]:
    """Let PyTensor's compiled code call `perform`: what it calls is compiled already."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numba will use object mode")
        return generate_fallback_impl(op, node, **options), None


def pymc_model(
    layout: Layout,
    *,
    landmarks: Landmarks | None = None,
    priors: Mapping[str, Any] | None = None,
) -> pm.Model:
    """Return a claim met a study as a PyMC model.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    landmarks : callable, optional
        What follows from the population's values; becomes `Deterministic`.
    priors : mapping of str to PyMC distribution, optional
        Made with ``.dist``; instead of the claim's prior of the variable of that name.

    Raises
    ------
    SpecError
        A name in `priors` that is none of the free variables.
    """
    coordinates = layout.coordinates
    changed = dict(priors or {})
    with pm.Model(coords=coordinates.labels()) as model:
        theta = _theta(coordinates, changed)
        if changed:
            known = [str(variable.name) for variable in model.free_RVs]
            wrong = next(iter(changed))
            what = f"priors: {wrong!r} is no free variable of this model"
            raise SpecError(what, given=wrong, known=known)
        pm.Potential("log_likelihood", LogLikelihood(layout)(theta)[0])
        if landmarks is not None:
            _derived(layout, model, landmarks)
    return model


def _free(name: str, priors: list[Prior], changed: dict[str, Any], dim: str | None = None) -> Any:
    """Add a free variable to the open model: a number, or one for each label of a dimension."""
    model, dims = pm.modelcontext(None), dim and (dim,)
    if name in changed:
        return model.register_rv(changed.pop(name), name, dims=dims)
    place = np.array([p.link_location for p in priors])
    scale = np.array([p.scale for p in priors])
    if dim is None:
        place, scale = place[0], scale[0]
    (family,) = {prior.family for prior in priors}
    # PyMC's own logit-normal would be sampled on (0, 1) itself, with a wall at either end
    options = {"transform": logodds} if family == "logit_normal" else {}
    return model.register_rv(DISTRIBUTIONS[family](place, scale), name, dims=dims, **options)


def _theta(coordinates: Coordinates, changed: dict[str, Any]) -> Any:
    """Add the free variables, and return theta (entry,) made from them."""
    model, entries = coordinates.model, coordinates.entries
    pieces, places = [pt.constant(np.array(coordinates.loc))], []
    for name, parameter in model.parameters.items():
        own = {
            role: [i for i, e in enumerate(entries) if (e.parameter, e.role) == (name, role)]
            for role in ("effect", "group")
        }
        spreads = [
            (k, label)
            for k, (owner, part, label) in enumerate(coordinates.half_names, start=1)
            if (owner, part) == (name, "sd")
        ]
        if parameter.prior is not None:
            value = _free(name, [parameter.prior], changed)
            link = LINKS.get(parameter.link, lambda v: v)
            pieces.append(link(value)[None])
            places.append([coordinates.place(name)])
        if own["effect"]:
            labels = [entries[i].label for i in own["effect"]]
            given = [model.prior_of(name, "effect", label) for label in labels]
            pieces.append(_free(f"{name}_effect", given, changed, f"{name}_effect_term"))
            places.append(own["effect"])
        if own["group"]:
            given = [model.prior_of(name, "sd", label) for _, label in spreads]
            spread = _free(f"{name}_sd", given, changed, f"{name}_sd_term")
            index = {k: i for i, (k, _) in enumerate(spreads)}
            member = f"{name}_group_member"
            offset = pm.Normal(f"{name}_offset", 0.0, 1.0, dims=member)
            owner = [index[coordinates.spread[i]] for i in own["group"]]
            pieces.append(pm.Deterministic(f"{name}_group", spread[owner] * offset, dims=member))
            places.append(own["group"])
    taken = np.concatenate(places) if places else np.zeros(0, int)
    source = np.arange(len(entries))
    source[taken.astype(int)] = len(entries) + np.arange(taken.size)
    return pt.concatenate(pieces)[source]


def _derived(layout: Layout, model: pm.Model, landmarks: Landmarks) -> None:
    parameters = layout.program.model.parameters
    names = tuple(name for name, p in parameters.items() if p.prior is not None)
    middle = {name: np.asarray(parameters[name].prior.location or 1.0) for name in names}
    outputs = tuple(landmarks(middle))
    if outputs:
        found = Derived(names, landmarks, outputs)(*(model[name] for name in names))
        for name, value in zip(outputs, found if len(outputs) > 1 else [found], strict=True):
            pm.Deterministic(name, value)


def standard_coordinates(layout: Layout, draws: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return draws of a PyMC model's variables as x (..., normals) and h (..., halves).

    Parameters
    ----------
    layout : Layout
        What the model was made from, with the claim's own priors.
    draws : mapping of str to DataArray, dims (chain, draw, ...)
        Draws by name.
    """
    coordinates = layout.coordinates
    sizes = next(iter(draws.values())).shape[:2]
    x, h = np.zeros((*sizes, coordinates.normals)), np.ones((*sizes, coordinates.halves))
    used: Counter[str] = Counter()
    for i, entry in enumerate(coordinates.entries):
        name, unit = entry.parameter, coordinates.unit[i]
        if entry.role == "population" and name in draws:
            value = on_link(layout.program.model.parameters[name].link, draws[name].values)
        elif entry.role in ("effect", "group"):
            name += "_effect" if entry.role == "effect" else "_offset"
            value = draws[name].values[..., used[name]]
            used[name] += 1
        else:
            continue
        if not unit:
            h[..., coordinates.spread[i] - 1] = value
        elif entry.role == "group":
            x[..., unit - 1] = value
        else:
            x[..., unit - 1] = (value - coordinates.loc[i]) / coordinates.scale[i]
    for k, (name, part, _) in enumerate(coordinates.half_names):
        if part == "sd":
            h[..., k] = draws[f"{name}_sd"].values[..., used[f"{name}_sd"]]
            used[f"{name}_sd"] += 1
    return x, h
