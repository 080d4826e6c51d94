"""Recorded poses in the file formats of other tools."""
