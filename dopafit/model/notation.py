r"""The symbols of a model's equations: one for each parameter, and what every one of them means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dopafit.core.component import Component
from dopafit.drive import RECTIFIER, Drive
from dopafit.trace.kernel import Kernel

__all__ = [
    "RECTIFIED",
    "Place",
    "at_one",
    "bar",
    "drives",
    "motivation",
    "place",
    "plain",
    "symbols",
]

RECTIFIED = r"\mathrm{sp}_k"
TRAIN = {
    "t_j": "time of event j [s]",
    "m_j": "magnitude of event j",
    "m_0": "magnitude of one unit event",
    "h": "response to one unit event",
}
"""Symbols that a kernel's `train` may use."""


@dataclass(frozen=True)
class Place:
    """Where a parameter stands in the equations.

    Parameters
    ----------
    symbol : str
        LaTeX.
    channel : str
        Prefix of the channel whose parameter it is; empty for the kernel's and the drive's own.
    """

    symbol: str
    channel: str = ""


def place(model: object, name: str) -> Place:
    """Return the symbol of a parameter, and the channel it belongs to."""
    for channel in model.channels:
        own, drive = name.removeprefix(f"{channel.prefix}_"), model.drives[channel.prefix]
        if own != name and own in drive.gains:
            return Place(_symbol(drive, own), channel.prefix)
        if own != name and own in channel.parameters:
            return Place(_symbol(channel, own), channel.prefix)
    owners = (Kernel.named(model.kernel), *drives(model))
    return Place(_symbol(next((o for o in owners if name in o.parameters), owners[0]), name))


def drives(model: object) -> dict[type[Drive], list[str]]:
    """Return the drives of a model, each with the channels that it moves."""
    found: dict[type[Drive], list[str]] = {}
    for channel in model.channels:
        found.setdefault(model.drives[channel.prefix], []).append(channel.prefix)
    return found


def _symbol(owner: type[Component] | Component, name: str) -> str:
    return owner.notation.get(name) or rf"\theta_{{\text{{{plain(name)}}}}}"


def plain(text: str) -> str:
    """Return a name as text inside LaTeX."""
    return re.sub(r"([_%&#$])", r"\\\1", text)


def bar(symbol: str) -> str:
    r"""Return the symbol of a population value: ``t_{1/2}`` becomes ``\bar{t}_{1/2}``."""
    stem, mark, index = symbol.partition("_")
    return rf"\bar{{{stem}}}{mark}{index}"


def motivation(drive: type[Drive]) -> list[tuple[str, str]]:
    """Return (gain, what it multiplies) of each of a drive's gains, as symbols."""
    gains = [_symbol(drive, gain) for gain in drive.gains]
    marks = ["".join(gain.partition("_")[1:]) if len(gains) > 1 else "" for gain in gains]
    return [(gain, f"M{mark}(t)") for gain, mark in zip(gains, marks, strict=True)]


def symbols(model: object) -> dict[str, str]:
    """Return what every symbol of the equations means, each once."""
    kernel, moving = Kernel.named(model.kernel), drives(model)
    found: dict[str, str] = {}
    if any("(t)" in part.latex for part in (*moving, *model.channels)):
        found["t"] = "time in the session [s]"
    if model.moved:
        found["s"] = "the level, as displacement from baseline [peak units]"
        found |= {mark: words for mark, words in TRAIN.items() if mark in kernel.train}
        alike: dict[str, list[str]] = {}
        for name in kernel.parameters:
            alike.setdefault(place(model, name).symbol, []).append(name)
        found |= {symbol: _words(model, names) for symbol, names in alike.items()}
        found |= kernel.symbols
        if any(RECTIFIED in drive.latex for drive in moving):
            found |= {
                RECTIFIED: "smooth rectifier, near its argument above 0 and near 0 below",
                "k": f"its softness, fixed at {RECTIFIER:g} peak units",
                "u": "its argument [peak units]",
            }
    if any("M(t)" in drive.latex for drive in moving):
        found["M"] = "motivation: what of the level moves behaviour, 1 where its gain is measured"
    for drive in moving:
        found |= drive.symbols
        for name in drive.parameters:
            found[place(model, name).symbol] = _words(model, [name])
    found[r"\eta"] = "linear predictor of a channel"
    for drive, channels in moving.items():
        for gain, meaning in drive.gains.items():
            names = ", ".join(f"{channel}_{gain}" for channel in channels)
            told, symbol = f"gain: {meaning} ({names})", _symbol(drive, gain)
            found[symbol] = f"{found[symbol]}; {told}" if symbol in found else told
    found |= _of_channels(model) | _of_effects(model)
    return found


def _words(model: object, names: list[str]) -> str:
    """Return the meaning of parameters that share a symbol."""
    told = []
    for name in names:
        parameter = model.parameters[name]
        value = (
            f"; population value fixed at {parameter.fixed:g}" if parameter.prior is None else ""
        )
        told.append(f"{parameter.meaning} ({name}{value})")
    return "; ".join(told)


def _of_channels(model: object) -> dict[str, str]:
    found: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    outcomes: dict[str, list[tuple[str, str]]] = {}
    for channel in model.channels:
        for symbol, words in channel.symbols.items():
            outcomes.setdefault(symbol, []).append((channel.prefix, words))
        for own in channel.active():
            name = f"{channel.prefix}_{own}"
            shared.setdefault(place(model, name).symbol, []).append(name)
    for symbol, told in outcomes.items():
        several = len({words for _, words in told}) > 1
        found[symbol] = "; ".join(f"{prefix}: {w}" if several else w for prefix, w in told)
    for symbol, names in shared.items():
        found[symbol] = _words(model, names)
    for channel in model.channels:
        for meanings in channel.predictor_terms().values():
            found |= meanings
    return found


def _of_effects(model: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, parsed in model.formulas.items():
        if not at_one(model, name):
            symbol = place(model, name).symbol
            found[bar(symbol)] = "population value of that parameter, on its own scale"
        if parsed.terms or any(part.terms for part in parsed.groups):
            found["z"] = "columns of the formula of a parameter"
        if parsed.terms:
            found[r"\beta"] = "their effects, one for each column (names end in _effect)"
        for part in parsed.groups:
            factor = rf"\text{{{plain(part.label)}}}"
            found[rf"\gamma_{{{factor}}}"] = (
                f"deviations of one {part.label}, independent from term to term (_group)"
            )
            found[rf"\omega_{{{factor}}}"] = (
                "their standard deviations, one for each parameter and term (_sd)"
            )
    return found


def at_one(model: object, name: str) -> bool:
    """Whether the population value drops out of the equation: it is fixed at 1 and multiplies."""
    parameter = model.parameters[name]
    return parameter.prior is None and parameter.link == "log" and parameter.fixed == 1.0
