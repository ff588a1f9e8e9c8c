"""Encore, a Discord bot that continues music."""

__version__ = "0.1.0"
