"""The claim as one frozen value: drive, kernel, channels, effects, priors."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.channel import Channel, channel_from_dict
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.core.shown import Shown
from dopafit.drive import Drive
from dopafit.model.formula import used_columns
from dopafit.model.given import (
    checked_effects,
    checked_fixed,
    checked_priors,
    checked_reference,
    is_finite,
)
from dopafit.model.layout.magnitude import as_plain, checked_unit
from dopafit.trace.kernel import Kernel

if TYPE_CHECKING:
    from dopafit.study.study import Study

__all__ = ["DRIVES", "Model"]

DRIVES = ("no_drive", "trough", "peak", "level", "encompassing")
"""The rivals of a comparison unless an analysis names others."""


@dataclass(frozen=True, eq=False)
class Model(Shown):
    """One hypothesis about one set of channels.

    Parameters
    ----------
    drive : str
        Which hypothesis links the level to motivation.
    channels : sequence of Channel
        The behaviour explained, one likelihood over all of them.
    effects : mapping of str to str
        Formula per parameter, right-hand side only. Unless given, every channel's resting
        predictor and the peak have ``(1 | subject)``.
    priors : mapping of str to Prior or dict
        Priors by name: ``trough_ratio`` (population value), ``peak_effect`` (all its fixed
        effects) or ``peak_effect[drug[precursor]]`` (one), ``peak_sd`` or ``peak_sd[1|subject]``.
    typical_spacing : float
        Typical time between events [s]; centres the prior of the recovery half-life.
    fixed : mapping of str to float
        Population values held fixed instead of estimated.
    kernel : str
        The event kernel.
    events : sequence of str, optional
        Kinds of event that move the trace; all unless given.
    unit_magnitude : float, mapping of str to float or "median", or groups of kinds, optional
        The magnitude of one unit event. Unless given, the median of the non-zero absolute
        magnitudes over all these kinds; ``{"cue": 1, "dose": "median"}`` gives each kind its own,
        ``[["cue", "tone"], ["dose"]]`` says which kinds share a median.
    reference : mapping of str to str, optional
        Reference level by column: effects of a column of levels are differences from it. Unless
        given, the first level in alphabetical order, and a warning says so.

    Raises
    ------
    SpecError
        Anything that does not exist or does not fit, with a suggestion.

    Examples
    --------
    >>> from dopafit.channel.choice import Choice
    >>> Model(drive="trough", channels=[Choice("pursue")]).drive
    'trough'
    """

    drive: str = "trough"
    channels: Sequence[Channel] = ()
    effects: Mapping[str, str] = MappingProxyType({})
    priors: Mapping[str, Any] = MappingProxyType({})
    typical_spacing: float = 30.0
    fixed: Mapping[str, float] = MappingProxyType({})
    kernel: str = "opponent"
    events: Sequence[str] | None = None
    unit_magnitude: Any = None
    reference: Mapping[str, str] = MappingProxyType({})
    name: str = ""

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        for name in ("effects", "priors", "fixed", "reference"):
            if not isinstance(getattr(self, name), Mapping):
                by = "column" if name == "reference" else "parameter"
                raise SpecError(
                    f"{name}: {getattr(self, name)!r}",
                    allowed=f"a mapping by {by}",
                    todo=f"write {name}: {{{by}: ...}}",
                )
        if not isinstance(self.channels, Sequence) or isinstance(self.channels, str):
            raise SpecError(
                f"channels: {self.channels!r} is not a list of channels",
                allowed="a list of " + ", ".join(Channel.members()),
                todo="give a list, e.g. channels=[dp.Choice('pursue')]",
            )
        for channel in self.channels:
            if not isinstance(channel, Channel):
                raise SpecError(
                    f"{channel!r} is not a channel",
                    allowed=", ".join(Channel.members()),
                    todo="give channel objects, e.g. dp.Choice('pursue')",
                )
        # in the order of their names: the claim does not depend on the order they are given in
        put("channels", tuple(sorted(self.channels, key=lambda channel: channel.prefix)))
        # as given, for `with_drive`: another drive may use what this one does not
        given = ("effects", "priors", "fixed", "reference")
        put("_given", {name: dict(getattr(self, name)) for name in given})
        put("unit_magnitude", checked_unit(self.unit_magnitude))
        if self.events is not None:
            kinds = [self.events] if isinstance(self.events, str) else self.events
            put("events", tuple(str(kind) for kind in kinds))
            if not self.events:
                raise SpecError(
                    "events names no kind of event, so nothing could move the level",
                    allowed="kinds of event of the study, e.g. [cue, reward]",
                    todo="name the kinds that move the level, or leave events out for all of them",
                )
        put("drive", Drive.named(self.drive).name)
        put("name", self.name or self.drive)
        put("kernel", Kernel.named(self.kernel).name)
        self._check_scales()
        if not self.channels:
            raise SpecError(
                "the model has no channels",
                allowed="at least one of " + ", ".join(Channel.members()),
                todo="name what was observed, e.g. channels: {choice: {column: pursue}}",
            )
        prefixes = [channel.prefix for channel in self.channels]
        if len(set(prefixes)) < len(prefixes):
            raise SpecError(
                f"a channel is given twice: {', '.join(prefixes)}",
                allowed="each channel under a name of its own",
                todo="remove one of them",
            )
        spacing = self.typical_spacing
        if not is_finite(spacing) or spacing <= 0:
            raise SpecError(
                f"typical_spacing = {spacing!r}",
                allowed="a time above 0 s",
                todo="give the usual time between events in seconds, or leave it out",
            )
        put("typical_spacing", float(spacing))
        declared = self._declared(), self._everywhere()
        put("effects", MappingProxyType(checked_effects(self.effects, declared, self.channels)))
        put("priors", MappingProxyType(checked_priors(self.priors, declared)))
        put("fixed", MappingProxyType(checked_fixed(self.fixed, declared, self.priors)))
        for name in self.effects:
            used_columns(self.effects[name], where=f"effects: {name}")
            parameter = self.parameters[name]
            if parameter.link == "logit" and parameter.fixed == 0:
                raise SpecError(
                    f"effects: {name} is fixed at 0, and nothing can add to that",
                    allowed=f"effects on {name} together with a prior for it",
                    todo=f"give a prior, e.g. {name}: {{logit_normal: {{median: 0.05, sigma: 1}}}}",
                )

        own, rivals = self._columns(self.effects), self._columns(self._given["effects"])
        reference = checked_reference(self.reference, own, rivals)
        put("reference", MappingProxyType(dict(sorted(reference.items()))))

    def _check_scales(self) -> None:
        """Refuse a drive that is scaled by something the kernel's response does not have."""
        drive, kernel = Drive.named(self.drive), Kernel.named(self.kernel)
        missing = [name for name in drive.scaled_by if name not in kernel.scales]
        if missing:
            fitting = [n for n, k in Kernel.members().items() if {*drive.scaled_by} <= k.scales]
            raise SpecError(
                f"the {self.drive} drive is scaled by the {missing[0]} of one unit event, and the "
                f"kernel {self.kernel} has none",
                allowed=f"kernels that have one: {', '.join(fitting)}",
                todo="take one of these kernels, or another drive",
            )

    @property
    def moved(self) -> bool:
        """Whether the trace moves any channel: a claim without a drive has no trace."""
        return any(self.drive_of(channel.prefix).gains for channel in self.channels)

    def drive_of(self, prefix: str) -> type[Drive]:
        """Return the drive of a channel."""
        return Drive.named(self.drive)

    @property
    def gains(self) -> list[str]:
        """Names of the gains of every channel."""
        return [
            f"{c.prefix}_{gain}" for c in self.channels for gain in self.drive_of(c.prefix).gains
        ]

    # parameters
    def _declared(self, drive: str | None = None) -> dict[str, Parameter]:
        member = Drive.named(drive or self.drive)
        found: dict[str, Parameter] = {}
        if member.gains:
            found |= Kernel.named(self.kernel).parameters | member.parameters
            for name, parameter in found.items():
                if parameter.centred_on_spacing:
                    median = np.log(2) * self.typical_spacing
                    prior = Prior.lognormal(median, parameter.prior.scale)
                    found[name] = replace(parameter, prior=prior)
        for channel in self.channels:
            found |= {f"{channel.prefix}_{k}": v for k, v in channel.active().items()}
            for gain in member.gains:
                found[f"{channel.prefix}_{gain}"] = member.gain(gain, channel.gain)
        return found

    def _everywhere(self) -> set[str]:
        """Parameters of any drive: an analysis gives one set of effects to all its rivals."""
        return set().union(*(self._declared(drive) for drive in Drive.members()))

    @staticmethod
    def _columns(effects: Mapping[str, str]) -> set[str]:
        return set().union(
            *(used_columns(str(text), where=f"effects: {name}") for name, text in effects.items())
        )

    @functools.cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter with the user's priors and fixed values put in."""
        found = self._declared()
        for name, parameter in found.items():
            if name in self.priors:
                found[name] = replace(parameter, prior=self.priors[name], fixed=None)
            elif name in self.fixed:
                found[name] = replace(
                    parameter,
                    prior=None,
                    fixed=self.fixed[name],
                    convention="fixed by the analysis",
                )
        return MappingProxyType(found)

    def prior_of(self, name: str, part: str, label: str) -> Prior:
        """Return the prior of one effect (`part` "effect") or spread ("sd") of a parameter."""
        parameter = self.parameters[name]
        default = parameter.effect if part == "effect" else parameter.spread
        for key in (f"{name}_{part}[{label}]", f"{name}_{part}"):
            if key in self.priors:
                return self.priors[key]
        extra = {
            term: prior
            for channel in self.channels
            if name == f"{channel.prefix}_rest"
            for term, prior in channel.extra_terms().items()
        }
        return extra.get(label, default)

    # as a value
    def with_drive(self, drive: str) -> Model:
        """Return the same model with another drive, and with all that was given to this one."""
        return replace(self, drive=drive, **self._given)

    def with_choices(self, *, unit_magnitude: Any, reference: Mapping[str, str]) -> Model:
        """Return the same model with a unit of magnitude and with further reference levels."""
        given = self._given | {"reference": {**reference, **self._given["reference"]}}
        return replace(self, unit_magnitude=unit_magnitude, **given)

    def resolved(self, study: Study) -> Model:
        """Return the model with everything that a whole study decides put in as values.

        One unit event and the reference levels are found once, on the whole study; the resolved
        model carries them to fits of a part of it, to simulations and to other studies.

        Parameters
        ----------
        study : Study
            The whole study.

        Returns
        -------
        Model
            Equal to the model of a fit to that study.

        Raises
        ------
        SpecError
            The model does not fit the study.
        """
        from dopafit.model.layout.layout import build_layout

        return build_layout(self, study).program.model

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, defaults filled in; `from_dict` gives the same model back."""
        return {
            "drive": self.drive,
            "kernel": self.kernel,
            "typical_spacing": self.typical_spacing,
            "events": None if self.events is None else list(self.events),
            "unit_magnitude": as_plain(self.unit_magnitude),
            "reference": dict(self.reference),
            "channels": {channel.prefix: channel.to_dict() for channel in self.channels},
            "effects": dict(sorted(self.effects.items())),
            "priors": {k: v.to_dict() for k, v in sorted(self.priors.items())},
            "fixed": dict(sorted(self.fixed.items())),
        }

    @classmethod
    def from_dict(cls, spec: Mapping[str, Any]) -> Model:
        """Read what `to_dict` wrote."""
        entries = spec.get("channels") or {}
        if not isinstance(entries, Mapping):
            raise SpecError(
                f"channels: {entries!r}",
                allowed="{choice: {column: pursue}, ...}",
                todo="write each channel as name: options",
            )
        channels = [channel_from_dict(str(k), v) for k, v in entries.items()]
        names = ("drive", "kernel", "typical_spacing", "events", "unit_magnitude", "reference")
        names += ("effects", "priors", "fixed")
        values = {k: spec[k] for k in names if spec.get(k) is not None}
        return cls(channels=channels, **values)

    @property
    def hash(self) -> str:
        """SHA-256 of the claim, hexadecimal."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        from dopafit.model.equations import describe

        return describe(self)
