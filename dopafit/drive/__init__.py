"""The level becomes motivation: one file per rival hypothesis."""

from dopafit.drive.drive import RECTIFIER, Drive, rectify

__all__ = ["RECTIFIER", "Drive", "rectify"]
