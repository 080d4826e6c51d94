"""Pictures and film, files and arrays: what the command line, the training data and the evaluation read and write.

Every reader gives upright (H, W, 3) uint8 RGB with square pixels. Needs Pillow, pillow-heif and PyAV, which the library
on arrays (`blazepose_tf.runtime`) does without; so nothing there imports this package at its top.
"""
