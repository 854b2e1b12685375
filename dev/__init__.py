"""What developers type: run, test, check and their helpers (`python -m dev` lists them). Never imported by the service, and in no image."""
