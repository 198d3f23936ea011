"""The engine timed against transformers called as its documentation shows, on the same weights.

``subject`` prepares one model, ``ours`` and ``plain`` are the two ways to use it, ``flops`` counts
what each has to compute, ``machine`` measures what the processor can do, ``run`` compares.
"""
