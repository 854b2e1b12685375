"""The page that takes payments: what may run on it, as a policy to paste, and whether what is deployed is still what was approved."""
