"""LiteRT (.tflite) files as data: reading and writing, what they compute, and what XNNPACK takes of it."""
