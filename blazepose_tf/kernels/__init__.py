"""Compiled kernels for training on CPUs: a block's depthwise convolution, and its normalisation, addition and ReLU.

TensorFlow's own kernels stay the default and compute the same; these move less memory. `library` compiles them on the
machine that trains, `blocks` lets a model use them.
"""
