"""`/cache/purge`: has kept answers forgotten."""

from collections.abc import Iterator

from extproc.admin.fields import CachePurged, CacheScope, PurgeCache
from extproc.admin.refusals import AdminOff, InvalidField, no_such
from extproc.admin.registrar import Registrar


async def purge(registrar: Registrar, fields: PurgeCache) -> CachePurged:
    """Nothing that was kept until now is given again: of a tenant, of a route, or at all."""
    settings = registrar.gateway.cache
    if settings is None:
        raise AdminOff("Nothing is kept: the document has no cache.")
    if (fields.name is None) != (fields.scope is CacheScope.ALL):
        raise InvalidField("Give a name with the scopes tenant and route, and none with all.", param="name")
    name = fields.name or ""
    match fields.scope:
        case CacheScope.ALL:
            await registrar.purge("all")
        case CacheScope.ROUTE:
            names = [route.name for route in settings.routes]
            if name not in names:
                raise no_such("route", name, names, "name")
            await registrar.purge("route", name)
        case CacheScope.TENANT:
            await registrar.catch_up()
            for tenant in _tenants(registrar, name):
                await registrar.purge("tenant", tenant)
    return CachePurged(purged=fields.scope.value, name=name)


def _tenants(registrar: Registrar, name: str) -> Iterator[str]:
    """Every tenant that may be called so: too much costs a few misses, too little a wrong answer."""
    key_id = registrar.records.key_ids.get(name)
    yield from (f"{kind}:{name}" for kind in ("organisation", "team", "key"))
    if key_id is not None and key_id != name:
        yield f"key:{key_id}"
