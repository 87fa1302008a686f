"""The command line `xuncha`: words in, one clear line out when something is wrong."""

from command_line.running import main

__all__ = ["main"]
