"""Structured pruning: whole output channels removed, and everything downstream rewired."""

from __future__ import annotations

from tinykit.train.compress.channels.slimming import KeptChannels, Slimmed, prune_channels
from tinykit.train.compress.channels.tracing import ChannelMap, trace_channels

__all__ = ["ChannelMap", "KeptChannels", "Slimmed", "prune_channels", "trace_channels"]
