"""Metrics on numpy arrays, each with its normaliser in its name; sums of parts are the metric of the whole."""
