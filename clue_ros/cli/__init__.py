"""The ``clue`` command: thin front ends over the library."""
