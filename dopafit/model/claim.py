"""The claim as one frozen value: drive, kernel, channels, effects, priors."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from dopafit.channel import Channel, channel_from_dict
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.core.shown import Shown
from dopafit.drive import Drive
from dopafit.model.formula import Parsed, parse, used_columns
from dopafit.model.given import (
    as_data,
    check_prefixes,
    checked_drive,
    checked_effects,
    checked_fixed,
    checked_name,
    checked_priors,
    checked_reference,
    is_finite,
    joined,
    plain_names,
    prior_keys,
)
from dopafit.model.layout.magnitude import as_plain, checked_unit
from dopafit.model.rivals import family_of
from dopafit.trace.kernel import Kernel

__all__ = ["Model"]


@dataclass(frozen=True, eq=False)
class Model(Shown):
    """One hypothesis about one set of channels.

    Parameters
    ----------
    drive : str, or mapping of str to str
        What of the trace motivates; by channel where they differ, e.g.
        ``{"approach": "trough", "craving": "peak"}``.
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
    name : str, optional
        Name of the hypothesis; that of its drive unless given. It is part of the claim (and of its
        hash) only where it is another.
    family : str, optional
        Family of the hypothesis in a comparison; unless given, what follows from drive and kernel:
        ``"trough"``, ``"no trough"`` or ``"neither"``.
    trace : str, optional
        Name of the trace, e.g. ``"dopamine"``: its parameters may then be called
        ``dopamine.peak`` as well as ``peak``, as those of a channel ``approach.rest`` as well as
        ``approach_rest``.

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

    drive: str | Mapping[str, str] = "trough"
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
    trace: str = ""
    family: str = ""

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
        prefixes = [channel.prefix for channel in self.channels]
        put("trace", checked_name(self.trace, "trace", taken=prefixes) if self.trace else "")
        for name in ("effects", "priors", "fixed"):
            put(name, plain_names(name, getattr(self, name), self.trace, prefixes))
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
        put("kernel", Kernel.named(self.kernel).name)
        if not self.channels:
            raise SpecError(
                "the model has no channels",
                allowed="at least one of " + ", ".join(Channel.members()),
                todo="name what was observed, e.g. channels: {choice: {column: pursue}}",
            )
        check_prefixes(prefixes)
        put("drive", checked_drive(self.drive, prefixes))
        put("name", "" if self.name in ("", self._usual) else checked_name(self.name, "hypothesis"))
        self._check_scales()
        if self.family:
            checked_name(str(self.family).replace(" ", "_"), "family")
        put("family", str(self.family) or self._usual_family)
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
        kernel = Kernel.named(self.kernel)
        for drive in self.drives.values():
            missing = [name for name in drive.scaled_by if name not in kernel.scales]
            if not missing:
                continue
            fitting = [n for n, k in Kernel.members().items() if {*drive.scaled_by} <= k.scales]
            raise SpecError(
                f"the {drive.name} drive is scaled by the {missing[0]} of one unit event, and the "
                f"kernel {self.kernel} has none",
                allowed=f"kernels that have one: {', '.join(fitting)}",
                todo="take one of these kernels, or another drive",
            )

    @property
    def moved(self) -> bool:
        """Whether the trace moves any channel: a claim without a drive has no trace."""
        return any(drive.gains for drive in self.drives.values())

    @functools.cached_property
    def drives(self) -> Mapping[str, type[Drive]]:
        """The drive of every channel, by its prefix."""
        named = self.drive if isinstance(self.drive, Mapping) else {}
        prefixes = [channel.prefix for channel in self.channels]
        return MappingProxyType({p: Drive.named(named.get(p, self.drive)) for p in prefixes})

    @functools.cached_property
    def owners(self) -> Mapping[str, Channel | None]:
        """The channel of every parameter; None of those of the trace."""

        def owner(name: str) -> Channel | None:
            return next((c for c in self.channels if name.startswith(f"{c.prefix}_")), None)

        return MappingProxyType({name: owner(name) for name in self.parameters})

    @functools.cached_property
    def homes(self) -> Mapping[str, str]:
        """The table of every parameter: its channel's prefix, or such as "by session"."""
        varies = {name: f"by {parameter.varies}" for name, parameter in self.parameters.items()}
        own = {name: channel.prefix for name, channel in self.owners.items() if channel}
        return MappingProxyType(varies | own)

    @functools.cached_property
    def formulas(self) -> Mapping[str, Parsed]:
        """The formulas, read, that hold more than the population value."""
        read = {name: parse(text, f"effects: {name}") for name, text in self.effects.items()}
        return MappingProxyType({k: v for k, v in read.items() if v.terms or v.groups})

    @functools.cached_property
    def own_terms(self) -> Mapping[str, Mapping[str, Prior]]:
        """What channels add to their resting predictors: terms with their priors, by parameter."""
        return MappingProxyType({f"{c.prefix}_rest": c.extra_terms() for c in self.channels})

    @property
    def _usual(self) -> str:
        """The name of a hypothesis that was given none."""
        named = self.drive
        return named if isinstance(named, str) else "_".join(dict.fromkeys(named.values()))

    @property
    def _usual_family(self) -> str:
        return family_of(self.drives.values(), self.kernel)

    @property
    def hypothesis(self) -> str:
        """Name of the hypothesis."""
        return self.name or self._usual

    @property
    def gains(self) -> list[str]:
        """Names of the gains of every channel."""
        return [f"{prefix}_{gain}" for prefix, d in self.drives.items() for gain in d.gains]

    # parameters
    def _declared(self, drives: Mapping[str, type[Drive]] | None = None) -> dict[str, Parameter]:
        drives = self.drives if drives is None else drives
        moving = [drive for drive in dict.fromkeys(drives.values()) if drive.gains]
        owners = [Kernel.named(self.kernel), *moving] if moving else []
        parts = [dict(owner.parameters) for owner in owners]
        for part in parts:
            for name, parameter in part.items():
                if parameter.centred_on_spacing and parameter.prior is None:
                    scale = self.typical_spacing / type(self).typical_spacing
                    part[name] = replace(parameter, fixed=parameter.fixed * scale)
                elif parameter.centred_on_spacing:
                    median = np.log(2) * self.typical_spacing
                    prior = Prior.lognormal(median, parameter.prior.scale)
                    part[name] = replace(parameter, prior=prior)
        for channel in self.channels:
            drive = drives[channel.prefix]
            own = channel.active() | {g: drive.gain(g, channel.gain) for g in drive.gains}
            parts.append({f"{channel.prefix}_{name}": value for name, value in own.items()})
        return joined(parts)

    def _everywhere(self) -> set[str]:
        """Parameters of any drive: an analysis gives one set of effects to all its rivals."""
        prefixes = [channel.prefix for channel in self.channels]
        rivals = [dict.fromkeys(prefixes, drive) for drive in Drive.members().values()]
        return set().union(*(self._declared(drives) for drives in rivals))

    @staticmethod
    def _columns(effects: Mapping[str, str]) -> set[str]:
        read = (used_columns(str(text), where=f"effects: {name}") for name, text in effects.items())
        return set().union(*read)

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
        for key in prior_keys(name, part, label):
            if key in self.priors:
                return self.priors[key]
        return self.own_terms.get(name, {}).get(label, default)

    # as a value
    def with_drive(self, drive: str) -> Model:
        """Return the same model with another drive, and with all that was given to this one."""
        return replace(self, drive=drive, name="", family="", **self._given)

    def with_choices(self, *, unit_magnitude: Any, reference: Mapping[str, str]) -> Model:
        """Return the same model with a unit of magnitude and with further reference levels."""
        given = self._given | {"reference": {**reference, **self._given["reference"]}}
        return replace(self, unit_magnitude=unit_magnitude, **given)

    def with_terms(
        self,
        channels: Sequence[Channel],
        effects: Mapping[str, str],
        priors: Mapping[str, Prior],
    ) -> Model:
        """Return the same model with these channels and formulas, and with further priors."""
        given = self._given | {
            "effects": self._given["effects"] | effects,
            "priors": {**priors, **self._given["priors"]},
        }
        return replace(self, channels=channels, **given)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, defaults filled in; `from_dict` gives the same model back."""
        family = "" if self.family == self._usual_family else self.family
        named = {"name": self.name, "trace": self.trace, "family": family}
        return {key: text for key, text in named.items() if text} | {
            "drive": self.drive if isinstance(self.drive, str) else dict(self.drive),
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
        names += ("effects", "priors", "fixed", "name", "trace", "family")
        values = {k: spec[k] for k in names if spec.get(k) is not None}
        return cls(channels=channels, **values)

    def __reduce__(self) -> tuple[Any, ...]:
        # as plain data, with what this drive does not use and another may
        given = self._given | {"priors": {k: as_data(v) for k, v in self._given["priors"].items()}}
        return Model.from_dict, (self.to_dict() | given,)

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
