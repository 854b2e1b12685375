"""What we do: plain functions that get their tools as arguments. Nothing here knows HTTP."""
