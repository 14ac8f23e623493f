"""`/cache/purge`: has kept answers forgotten. `/cache/semantic/*`: how often a route's semantic hits are wrong."""

import re
from collections.abc import Iterator

from extproc.admin.fields import CachePurged, CacheRouteChoice, CacheScope, PurgeCache, SemanticEstimate
from extproc.admin.refusals import AdminOff, InvalidField, no_such
from extproc.admin.registrar import Registrar
from extproc.cache.semantic.shadow import SAMPLE, Sample, estimate, sample_of
from extproc.config.cache import Semantic

_KEY = re.compile(r"[0-9a-f]{48}")


async def purge(registrar: Registrar, fields: PurgeCache) -> CachePurged:
    """Nothing that was kept until now is given again: one answer, those of a tenant or of a route, or any."""
    settings = registrar.gateway.cache
    if settings is None:
        raise AdminOff("Nothing is kept: the document has no cache.")
    if (fields.name is None) != (fields.scope is CacheScope.ALL):
        raise InvalidField("Give a name with the scopes key, tenant and route, and none with all.", param="name")
    name = fields.name or ""
    match fields.scope:
        case CacheScope.ALL:
            await registrar.purge("all")
        case CacheScope.KEY:
            if _KEY.fullmatch(name) is None:
                raise InvalidField("The key of an answer is 48 hexadecimal digits.", param="name")
            await registrar.purge("key", name)
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


async def semantic_info(registrar: Registrar, fields: CacheRouteChoice) -> SemanticEstimate:
    """What is known of a route's false hits."""
    rules = _semantic(registrar, fields.route)
    data = await registrar.read(SAMPLE, fields.route)
    return _estimate(fields.route, rules, Sample() if data is None else sample_of(data))


async def semantic_reset(registrar: Registrar, fields: CacheRouteChoice) -> SemanticEstimate:
    """Begins a new estimate: a route that was stopped serves again, a second later."""
    rules = _semantic(registrar, fields.route)
    await registrar.delete(SAMPLE, fields.route)
    return _estimate(fields.route, rules, Sample())


def _semantic(registrar: Registrar, name: str) -> Semantic:
    routes = registrar.gateway.cache.routes if registrar.gateway.cache is not None else ()
    found = {route.name: route.semantic for route in routes if route.semantic is not None}
    if name not in found:
        raise no_such("route", name, found, "route")
    return found[name]


def _estimate(route: str, rules: Semantic, sample: Sample) -> SemanticEstimate:
    known = estimate(sample)
    return SemanticEstimate(
        route=route,
        mode=rules.mode.value,
        stopped=sample.stopped,
        compared=sample.compared,
        differed=sample.differed,
        rate=known.rate,
        least=known.least,
        most=known.most,
    )


def _tenants(registrar: Registrar, name: str) -> Iterator[str]:
    """Every tenant that may be called so: too much costs a few misses, too little a wrong answer."""
    key_id = registrar.records.key_ids.get(name)
    yield from (f"{kind}:{name}" for kind in ("organisation", "team", "key"))
    if key_id is not None and key_id != name:
        yield f"key:{key_id}"
