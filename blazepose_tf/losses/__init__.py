"""Masked losses, one value per keypoint (or anchor); the weights of a batch decide what counts.

Every loss returns unreduced values of the shape of its weights and reduces them by a weighted mean, so that neither
the share of labelled keypoints nor the batch size changes its scale.
"""
