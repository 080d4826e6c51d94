"""Training: named experiments, one linear loop, everything a run needs to survive being killed."""
