"""The engine: models of the PaliGemma family, read, decoded and adapted as the paper does.

From an image and a text to a map or a box, one walks through ``preprocessing`` -> ``backbone``
(vision tower) -> ``prompt`` -> ``prefix`` (decoder blocks, with ``masks`` and ``attention``) ->
``readout`` (eq. 1 and 2) or ``decoding`` (with ``grammar``, ``head``, ``kv_cache``, ``answer``).
"""
