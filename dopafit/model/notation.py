r"""The symbols of a model's equations: one for each parameter, and what every one of them means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dopafit.drive import RECTIFIER, Drive
from dopafit.model.formula.terms import Parsed, parse
from dopafit.trace.kernel import Kernel

__all__ = [
    "RECTIFIED",
    "Place",
    "at_one",
    "bar",
    "formulas",
    "gain_symbol",
    "motivation",
    "place",
    "plain",
    "symbols",
]

RECTIFIED = r"\mathrm{sp}_k"


@dataclass(frozen=True)
class Place:
    """Where a parameter stands in the equations.

    Parameters
    ----------
    symbol : str
        LaTeX.
    channel : str
        Prefix of the channel whose parameter it is; empty for the kernel's.
    """

    symbol: str
    channel: str = ""


def place(model: object, name: str) -> Place:
    """Return the symbol of a parameter, and the channel it belongs to."""
    for channel in model.channels:
        own = name.removeprefix(f"{channel.prefix}_")
        if own != name and (own in channel.parameters or own in Drive.named(model.drive).gains):
            if own in Drive.named(model.drive).gains:
                return Place(gain_symbol(own), channel.prefix)
            return Place(channel.notation.get(own) or _fallback(own), channel.prefix)
    return Place(Kernel.named(model.kernel).notation.get(name) or _fallback(name))


def _fallback(name: str) -> str:
    return rf"\theta_{{\text{{{plain(name)}}}}}"


def plain(text: str) -> str:
    """Return a name as text inside LaTeX."""
    return re.sub(r"([_%&#$])", r"\\\1", text)


def bar(symbol: str) -> str:
    r"""Return the symbol of a population value: ``t_{1/2}`` becomes ``\bar{t}_{1/2}``."""
    stem, mark, index = symbol.partition("_")
    return rf"\bar{{{stem}}}{mark}{index}"


def gain_symbol(gain: str) -> str:
    """Return the symbol of a gain."""
    return "b_+" if "peak" in gain else "b_-"


def motivation(model: object) -> list[tuple[str, str]]:
    """Return (gain, what it multiplies) of each of the drive's gains, as symbols."""
    gains = Drive.named(model.drive).gains
    moved = ["M(t)"] if len(gains) == 1 else [f"M{gain_symbol(gain)[1:]}(t)" for gain in gains]
    return list(zip(map(gain_symbol, gains), moved, strict=True))


def formulas(model: object) -> dict[str, Parsed]:
    """Return the formulas that hold more than the population value."""
    read = {name: parse(text, f"effects: {name}") for name, text in model.effects.items()}
    return {name: found for name, found in read.items() if found.terms or found.groups}


def symbols(model: object) -> dict[str, str]:
    """Return what every symbol of the equations means, each once.

    Returns
    -------
    dict of str to str
        LaTeX to words.
    """
    drive, kernel = Drive.named(model.drive), Kernel.named(model.kernel)
    found: dict[str, str] = {}
    if any("(t)" in part.latex for part in (drive, *model.channels)):
        found["t"] = "time in the session [s]"
    if drive.gains:
        found |= {
            "s": "the level, as displacement from baseline [peak units]",
            "t_j": "time of event j [s]",
            "m_j": "magnitude of event j",
            "m_0": "magnitude of one unit event",
            "h": "response to one unit event, with a maximum of 1",
        }
        for name in kernel.parameters:
            found[place(model, name).symbol] = _words(model, [name])
        found |= kernel.symbols
        if RECTIFIED in drive.latex:
            found |= {
                RECTIFIED: "smooth rectifier, near its argument above 0 and near 0 below",
                "k": f"its softness, fixed at {RECTIFIER:g} peak units",
                "u": "its argument [peak units]",
            }
    if "M(t)" in drive.latex:
        found["M"] = "motivation: what of the level moves behaviour, 1 at the lobe it follows"
    found |= drive.symbols
    found[r"\eta"] = "linear predictor of a channel"
    for gain in drive.gains:
        names = [f"{channel.prefix}_{gain}" for channel in model.channels]
        lobe = "top" if gain_symbol(gain) == "b_+" else "bottom"
        found[gain_symbol(gain)] = (
            f"gain: change of the predictor at the {lobe} of one unit event ({', '.join(names)})"
        )
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
    for name, parsed in formulas(model).items():
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
