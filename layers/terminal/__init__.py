"""The command line `xuncha`: words in, one clear line out when something is wrong."""

from layers.terminal.running import main

__all__ = ["main"]
