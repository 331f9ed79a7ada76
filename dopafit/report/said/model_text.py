"""The model in the methods section: channels and hypotheses, equations, symbols, conventions."""

from __future__ import annotations

from dopafit.report.folder import RunFolder
from dopafit.report.numbers import count
from dopafit.report.said.prose import Block, Span, name, say, series
from dopafit.report.set.escape import clean

__all__ = ["conventions", "equation_blocks", "equations", "model_lines", "symbol_line", "symbols"]


def equations(folder: RunFolder) -> list[tuple[str, tuple[str, ...]]]:
    """Return each equation once, with the fits whose model has it."""
    found: dict[str, list[str]] = {}
    for fit in folder.fits:
        for line in dict.fromkeys(folder.model(fit).get("equations_latex") or []):
            found.setdefault(clean(line), []).append(fit)
    return [(line, tuple(fits)) for line, fits in found.items()]


def symbols(folder: RunFolder) -> dict[str, str]:
    """Return what every symbol of the equations means; where fits differ, what in which of them."""
    found: dict[str, dict[str, list[str]]] = {}
    for fit in folder.fits:
        told = folder.model(fit).get("symbols")
        for symbol, words in told.items() if isinstance(told, dict) else ():
            found.setdefault(clean(symbol), {}).setdefault(clean(words), []).append(clean(fit))
    return {
        symbol: next(iter(meanings))
        if len(meanings) == 1
        else "; ".join(f"{words} (in {', '.join(fits)})" for words, fits in meanings.items())
        for symbol, meanings in found.items()
    }


def equation_blocks(folder: RunFolder) -> list[Block]:
    """Return the equations of every fit, then those of single fits under their names."""
    parts: dict[tuple[str, ...], list[str]] = {}
    for line, fits in equations(folder):
        parts.setdefault(fits, []).append(line)
    blocks = []
    for fits in sorted(parts, key=lambda fits: -len(fits)):
        shared = len(fits) == len(folder.fits)
        lead = say("In every fit:") if shared else say("In ", series(map(name, fits)), ":")
        if len(folder.fits) > 1:
            blocks.append(Block("paragraph", (lead,)))
        blocks.append(Block("equation", tuple(say(Span(line)) for line in parts[fits])))
    return blocks


def symbol_line(folder: RunFolder) -> tuple[Span, ...]:
    """Return the meaning of every symbol as one sentence."""
    line: list[Span] = []
    for symbol, words in symbols(folder).items():
        line += [Span("; " if line else "Here "), Span(symbol, "math"), Span(f" is {words}")]
    return say(line, ".") if line else ()


def model_lines(folder: RunFolder) -> list[tuple[Span, ...]]:
    """Return what moves what, the channels and the hypotheses, in words."""
    model = folder.model(folder.focus)
    told = [_channel(folder, *channel) for channel in (model.get("said") or {}).items()]
    fitted = [(fit, str(folder.model(fit).get("words") or "")) for fit in folder.fits]
    kinds = model.get("events")
    which = f" of kind {' or '.join(clean(k) for k in kinds)}" if isinstance(kinds, list) else ""
    levels: dict[str, list[str]] = {}
    for fit in folder.fits:
        if words := folder.model(fit).get("level"):
            levels.setdefault(clean(words), []).append(fit)
    where = [
        part
        for words, fits in levels.items()
        for part in (f" In {'the fits' if len(fits) > 1 else 'the fit'} ", *series(map(name, fits)),
                     f" it {words}.")
    ]  # fmt: skip
    lines = [
        say(
            f"Each event{which} moves a latent level",
            *([".", *where] if len(levels) > 1 else [f" that {words}." for words in levels]),
            " A drive turns the level into motivation, and motivation shifts the linear predictor "
            "of each channel of behaviour. Only events strictly before an outcome can explain it.",
        )
        if levels
        else (),
        say(
            "The channels were " if len(told) > 1 else "The channel was ",
            series(told, gap="; "),
            ".",
        )
        if told
        else (),
    ]
    rivals = [*say(name(fitted[0][0]), _aside(fitted[0][1]))]
    for fit, words in fitted[1:]:
        rivals += say("; ", name(fit), _aside(words))
    many = (
        f"{len(fitted)} hypotheses were fitted to the same data: "
        if len(fitted) > 1
        else "One hypothesis was fitted: "
    )
    return [*lines, say(many, rivals, "."), say(" ".join(_beside(folder)))]


def _beside(folder: RunFolder) -> list[str]:
    """Say what every hypothesis shares: one kernel where drives are named, and nuisance terms."""
    model, on = folder.model(folder.focus), folder.spec.get("nuisance")
    told = [clean(text) for text in model.get("nuisance") or []]
    if folder.spec.get("rivals") != "drives":
        return told
    none = isinstance(on, dict) and not any(on.values())
    without = " and no nuisance terms were added" if none else ""
    return [
        f"The analysis names drives: all have the kernel {clean(model.get('kernel'))}{without}.",
        *told,
    ]


def _channel(folder: RunFolder, channel: str, said: list[str]) -> str:
    """Return a channel's words, with what holds for these data and options in brackets."""
    waits = (folder.data.get("censored") or {}).get(channel)
    used = (folder.data.get("rows_used") or {}).get(channel)
    words, *details = [clean(part) for part in said] or [clean(channel)]
    if waits:
        many = "one wait" if waits == 1 else f"{count(waits)} waits"
        details.insert(0, f"{many} without a response, of {count(used)}, right-censored")
    return f"{words} ({'; '.join(details)})" if details else words


def _aside(words: str) -> str:
    return f" ({clean(words)})" if words and len(words) <= 160 else ""


def conventions(folder: RunFolder) -> list[str]:
    """Return the conventions of all fits, each once."""
    told = (text for fit in folder.fits for text in folder.model(fit).get("conventions") or [])
    return list(dict.fromkeys(map(clean, told)))
