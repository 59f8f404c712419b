"""Flux on PostgreSQL: runs in the database that a team has already, wherever it stands."""

from __future__ import annotations

from flux_postgres._storage import PostgreSQLStorage

__all__ = ["PostgreSQLStorage"]
