"""The engine: torch models of the PaliGemma family, read, decoded and adapted as the paper does.

Reading order for one request, from image and text to a map or a box:
``preprocessing`` -> ``backbone`` (vision tower) -> ``prompt`` -> ``prefix`` (decoder blocks, with ``masks`` and
``attention``) -> ``readout`` (eq. 1 and 2) or ``decoding`` (with ``grammar``, ``head`` and ``kv_cache``).
"""
