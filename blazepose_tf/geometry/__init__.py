"""Pure geometry on any array type: affine maps, body alignment, regions of interest, boxes."""
