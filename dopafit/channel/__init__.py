"""Motivation becomes behaviour: one file per likelihood."""

from dopafit.channel.channel import At, Channel, Moments, Rows, Scales, Signature
from dopafit.channel.entry import channel_from_dict

__all__ = ["At", "Channel", "Moments", "Rows", "Scales", "Signature", "channel_from_dict"]
