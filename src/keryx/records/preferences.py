"""What people have set for themselves, as they entered it: any JSON value by address and name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from keryx.records import engine
from keryx.settings.site import Site


def get(site: Site, address: str, name: str, default: Any = None) -> Any:
    """Return a preference, or the default when it was never set."""
    query = "SELECT value FROM preference WHERE address = %(address)s AND name = %(name)s"
    found = engine.row(site, _Value, query, {"address": address, "name": name})
    return default if found is None else found.value


def of(site: Site, address: str) -> Mapping[str, Any]:
    """Return all preferences of an address, by name."""
    query = "SELECT name AS key, value FROM preference WHERE address = %(address)s ORDER BY name"
    return {item.key: item.value for item in engine.rows(site, _Item, query, {"address": address})}


def everybodys(site: Site, name: str) -> Mapping[str, Any]:
    """Return one preference of all who have set it, by address."""
    query = "SELECT address AS key, value FROM preference WHERE name = %(name)s ORDER BY address"
    return {item.key: item.value for item in engine.rows(site, _Item, query, {"name": name})}


def put(site: Site, address: str, name: str, value: Any) -> None:
    """Set a preference."""
    query = """INSERT INTO preference (address, name, value) VALUES (%(address)s, %(name)s, %(value)s)
        ON CONFLICT (address, name) DO UPDATE SET value = excluded.value"""
    engine.execute(site, query, {"address": address, "name": name, "value": Jsonb(engine.without_nul(value))})


def remove(site: Site, address: str, name: str) -> bool:
    """Forget a preference; return whether it was set."""
    query = "DELETE FROM preference WHERE address = %(address)s AND name = %(name)s"
    return engine.execute(site, query, {"address": address, "name": name}) == 1


class _Value:
    def __init__(self, *, value: Any) -> None:
        self.value = value


class _Item:
    def __init__(self, *, key: str, value: Any) -> None:
        self.key = key
        self.value = value
