"""The command line without the pages, for the processes that need none."""

from layers.terminal import main

main()
