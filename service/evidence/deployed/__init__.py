"""Looks through the deployment that serves, and not through a private copy: by an operator's command, and by the worker's canary. Changes nothing but what it is told to strike out."""
