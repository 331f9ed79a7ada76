r"""Every symbol of the equations is defined, and none is defined that no equation holds."""

from __future__ import annotations

import re

import pytest

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.drive import Drive
from dopafit.model.claim import Model
from dopafit.model.equations import conventions, latex
from dopafit.model.notation import symbols
from dopafit.trace.kernel import Kernel

WORDS = re.compile(r"\\text\{(?:\\.|[^{}])*\}:|\\mathrm\{(?:Bernoulli|Wald|logit|d)\}")
COMMANDS = re.compile(
    r"\\(?:sum|int|ln|max|min|sqrt|sim|cdot|quad|le|left|right|frac|to|text|mathrm|bar)"
    r"(?![a-zA-Z])|\\[,;!: ]"
)
SYMBOL = re.compile(r"(?:\\[a-z]+|[A-Za-z])")
KNOWN = {"e", "i", "j", "l", "N"}  # the base of the exponential, indices, the normal distribution


def used(lines: list[str], defined: list[str]) -> tuple[set[str], set[str]]:
    """Return the defined symbols that the lines hold, and what is left over."""
    text = " ".join(lines)
    text = re.sub(r"\\text\{[^{}]*\}:", " ", text)
    found = set()
    for symbol in sorted(defined, key=len, reverse=True):
        end = r"(?![a-zA-Z_])"
        shorter = re.compile(rf"(?<![\\a-zA-Z]){re.escape(symbol)}{end}")
        if shorter.search(text):
            found.add(symbol)
            text = shorter.sub(" ", text)
    text = COMMANDS.sub(" ", WORDS.sub(" ", text).replace(r"\mathrm{d}", " "))
    return found, set(SYMBOL.findall(text)) - KNOWN


EFFECTS = {
    "peak": "drug + (1 | subject)",
    "choice_rest": "drug + (1 + drug | subject) + (1 | subject:session)",
    "choice_lapse": "(1 | site_2)",
}
LAPSE = {"choice_lapse": {"logit_normal": {"median": 0.05, "sigma": 1}}}
MODELS = {
    "plain": ([Choice()], {}, {}),
    "pooled": ([Latency()], {"latency_rest": "1", "peak": "1"}, {}),
    "all": ([Choice(), Latency(), Presses(history=(2.0, 20.0))], EFFECTS, LAPSE),
    "wald": ([WaldLatency(), Presses(pause_after="cue")], {"presses_rest": "log(dose)"}, {}),
}


@pytest.mark.parametrize("drive", Drive.members())
@pytest.mark.parametrize("case", MODELS)
def test_symbols_used_are_the_symbols_defined(case, drive) -> None:
    channels, effects, priors = MODELS[case]
    model = Model(drive=drive, channels=channels, effects=effects, priors=priors)
    defined = symbols(model)
    found, left = used(latex(model), list(defined))
    assert left == set() and found == set(defined)
    assert all(words and not words.endswith(".") for words in defined.values())


@pytest.mark.parametrize("kernel", Kernel.members())
def test_every_kernels_symbols_are_defined(kernel) -> None:
    model = Model(drive="peak", channels=[Choice()], kernel=kernel)
    defined = symbols(model)
    found, left = used(latex(model), list(defined))
    assert left == set() and found == set(defined)


def test_control_a_missing_and_an_idle_symbol_are_seen() -> None:
    found, left = used([r"\eta = \alpha + b_- M(t)"], [r"\eta", r"\alpha", "M", "q"])
    assert left == {"b", "t"} and "q" not in found


def test_two_gains_have_two_motivations() -> None:
    lines = latex(Model(drive="encompassing", channels=[Choice()]))
    assert r"\text{choice}:\ \eta = \alpha + b_+ M_+(t) + b_- M_-(t)" in lines
    assert sum("M_+(t) =" in line and "M_-(t) =" in line for line in lines) == 1
    assert any(line.endswith(r"\eta = \alpha + b_- M(t)")
               for line in latex(Model(drive="trough", channels=[Choice()])))  # fmt: skip


def test_the_past_and_the_members_stand_in_the_equations() -> None:
    channels, effects, priors = MODELS["all"]
    model = Model(drive="trough", channels=channels, effects=effects, priors=priors)
    text = "\n".join(latex(model))
    assert r"\text{presses}:\ \eta = \alpha + b_- M(t) + \sum_l g_l\, e^{-w(t)/\tau_l}" in text
    assert r"\ln P = z \cdot \beta + \gamma_{\text{subject}}" in text
    assert r"\gamma_{\text{site\_2}} \sim N(0,\, \omega_{\text{site\_2}}^2)" in text
    assert "2, 20 s" in symbols(model)[r"\tau_l"]
    pooled = Model(drive="trough", channels=[Latency()], effects=MODELS["pooled"][1])
    assert "gamma" not in "\n".join(latex(pooled))


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        ({"peak": "(1 | subject)"}, "Subjects differ in their peak."),
        ({"peak": "drug + (1 | session)"}, "Sessions differ in their peak."),
        ({"peak": "drug"}, ""),
        ({"peak": "1"}, ""),
    ],
)
def test_who_differs_in_the_peak_is_said_only_where_they_do(effects, said) -> None:
    told = conventions(Model(drive="trough", channels=[Choice()], effects=effects))
    assert [line for line in told if "differ" in line] == ([said] if said else [])
    assert "A channel's gain is common to all subjects and sessions." in told


def test_conventions_hold_for_the_model_they_are_said_of() -> None:
    varied = Model(
        drive="trough",
        channels=[Choice(), Latency()],
        effects={"choice_gain_trough": "(1 | subject)"},
    )
    told = conventions(varied)
    assert "Common to all subjects and sessions: latency_gain_trough." in told
    assert not any("A channel's gain is common" in line for line in told)
    assert any("softness" in line for line in told)
    assert not any("softness" in c for c in conventions(Model(drive="level", channels=[Choice()])))
    free = Model(
        drive="level",
        channels=[Choice()],
        priors={"peak": {"lognormal": {"median": 1, "sigma": 1}}},
    )
    assert not any("peak := 1" in line for line in conventions(free))
    fixed = Model(drive="level", channels=[Choice()], fixed={"peak": 2.0})
    assert "The population's peak after one unit event is fixed at 2." in conventions(fixed)
    no_drive = conventions(Model(drive="no_drive", channels=[Choice()]))
    assert not any("peak" in line for line in no_drive)
