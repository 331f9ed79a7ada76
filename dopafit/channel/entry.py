"""A channel from its entry in an analysis file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dopafit.channel.channel import Channel
from dopafit.core.errors import SpecError, suggest

__all__ = ["channel_from_dict"]


def channel_from_dict(name: str, options: Mapping[str, Any] | None) -> Channel:
    """Build a channel from its entry in an analysis file.

    Raises
    ------
    SpecError
        Unknown channel, likelihood or option, or an option of the wrong type.
    """
    if options is not None and not isinstance(options, Mapping):
        raise SpecError(
            f"channels: {name}: {options!r} is not a list of options",
            allowed=f"{{{name}: {{option: value}}}}, or nothing for the defaults",
            todo=f"write the options of {name} as key: value, or leave them out",
        )
    options = dict(options or {})
    likelihood = options.pop("likelihood", None)
    member = _member(name, likelihood)
    known = [each.name for each in fields(member) if each.name != "called"]
    for option in options:
        if option not in known:
            wrong = f"channels: {name}: option {option!r} is not known"
            raise SpecError(wrong, given=option, known=["likelihood", *known])
    for option in fields(member):
        value = options.get(option.name, "")
        text = isinstance(value, str) or (value is None and option.type == "str | None")
        if str(option.type).startswith("str") and not text:
            raise SpecError(
                f"channels: {name}: {option.name} = {value!r}",
                allowed="a name",
                todo="give the name as text, in quotes if it looks like a number",
            )
    called = "" if name == member.name else name
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return member(**options, called=called)


def _member(name: str, likelihood: Any) -> type:
    """Return the member of an entry: its likelihood, in full or after the entry's name."""
    if likelihood is None:
        try:
            return Channel.named(name)
        except SpecError as error:
            near = suggest(name, Channel.members())
            todo = near or f"say which it is: {name}: {{likelihood: ...}}"
            raise SpecError(error.wrong, allowed=error.allowed, todo=todo) from None
    members, both = Channel.members(), f"{name}_{likelihood}"
    firsts = {member.prefix for member in members.values()}
    full = both in members or (str(likelihood) not in members and name in firsts)
    return Channel.named(both if full else likelihood)
