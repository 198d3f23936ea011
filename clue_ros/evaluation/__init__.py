"""Metrics and evaluations of ambiguity, grounding and dialog, and the pages they make."""
