"""Callers' connections under gunicorn: reading requests whole, waiting, draining. Knows no door, and looks into nothing beyond a request's framing."""
