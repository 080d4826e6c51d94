"""The loop outside of Python: its contract as JSON, and the browser page that runs it."""
