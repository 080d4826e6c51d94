"""A model for one's own pictures and films: what comes before and after a fine-tuning, and all of it as one command."""
