"""One evaluation for every model: the same people, the same protocols, the same table."""
