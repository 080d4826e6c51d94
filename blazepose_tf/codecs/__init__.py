"""Model tensors to geometry and back: every encode stands beside its decode."""
