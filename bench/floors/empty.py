"""The floor of a start: an empty Flask app, with the libraries that ours has. `bench.floors.empty:app`."""

from __future__ import annotations

import marshmallow
import prometheus_client
import psycopg_pool
import requests
import sqlalchemy.orm
import structlog
from flask import Flask

LIBRARIES = (marshmallow, prometheus_client, psycopg_pool, requests, sqlalchemy.orm, structlog)
app = Flask("empty")


@app.get("/healthz")
def healthz() -> str:
    """Here."""
    return "{}"
