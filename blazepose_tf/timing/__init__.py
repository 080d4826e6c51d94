"""How fast a LiteRT file is: on this host, on a phone over adb, and, as an estimate only, on a Pixel 2 not at hand.

Everything ends in one JSON document (`schema`), one table (`report`), one plot (`plot`) and one verdict (`compare`).
Measured numbers and estimates never share a column or a field.
"""
