"""The composition root: the only place that constructs concrete things."""

import asyncio
import contextlib
import logging
import os
import random
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry

from extproc.admin.registrar import Office
from extproc.cache.base import Cache, Purged
from extproc.cache.broadcast import Room
from extproc.cache.elsewhere import Leases
from extproc.cache.entry import Codec
from extproc.cache.exact import ExactCache
from extproc.cache.exact import Surroundings as CacheSurroundings
from extproc.cache.key import Keyring
from extproc.cache.memory import MemoryCache
from extproc.clients.sources import fetched_credentials, require_package, source_of
from extproc.clients.tokens import Surroundings, TokenKeeper
from extproc.config.cache import CacheRoute, CacheSettings, LocalEmbedder, RemoteEmbedder, Semantic
from extproc.config.guardrails import Guardrails
from extproc.config.mistakes import nearest
from extproc.config.model import Gateway, MemoryOptions, StoreOptions
from extproc.config.privacy import Privacy
from extproc.config.redacted import redacted_view
from extproc.config.source import Source
from extproc.errors import ConfigError
from extproc.genai.money import Rates
from extproc.genai.prices import PriceBook
from extproc.genai.tokenizer import Tokenizers
from extproc.pipeline.caching import Aftermath, Shelf
from extproc.pipeline.processor import Processor
from extproc.pipeline.screening import Guards, Screens
from extproc.pipeline.snapshot import Snapshot
from extproc.pipeline.spending import Treasury
from extproc.policy.credentials import NO_TOKENS, Tokens
from extproc.policy.estimate import Estimator
from extproc.policy.governor import Governor
from extproc.policy.records import Records
from extproc.policy.redact import Redactor
from extproc.policy.replica import Replica
from extproc.privacy.keyed import keyed
from extproc.server.admin import build_admin
from extproc.server.admin_proxy import AdminProxy
from extproc.server.current import Current
from extproc.server.door import Door, admin_socket
from extproc.server.supervisor import Supervisor, SupervisorOptions, worker_command
from extproc.server.upkeep import Closing, Upkeep
from extproc.server.watch import watch
from extproc.store.base import Registry, Store
from extproc.store.memory import MemoryStore
from extproc.telemetry.audit import audit
from extproc.telemetry.metrics import Metrics, exposition, forget_worker
from extproc.telemetry.record import ExchangeRecord

if TYPE_CHECKING:
    from extproc.cache.semantic.embedder import Embedder
    from extproc.clients.judge import Connections
    from extproc.pipeline.semantic import Samples, Wordings
    from extproc.policy.detectors import DetectorStock
    from extproc.policy.dry_run import DryRun
    from extproc.policy.guardrail_sets import RuleSets
    from extproc.policy.mappings import Mappings
    from extproc.policy.recognise import Recognisers
    from extproc.policy.recognisers import RecogniserStock

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_MAPPING_BYTES = 16 << 20  # of all mappings that a worker without a shared store keeps


class Recorders:
    """Where the record of an exchange goes: into the metrics, and into the audit log."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def record(self, record: ExchangeRecord) -> None:
        self._metrics.record(record)
        audit(record)


class Endings:
    """What is to be closed when a worker ends, in order."""

    def __init__(self, *closing: Closing) -> None:
        self._closing = closing

    async def close(self) -> None:
        for one in self._closing:
            await one.close()


class SystemClock:
    """The machine's clocks, in seconds."""

    monotonic = staticmethod(time.perf_counter)
    time = staticmethod(time.time)
    sleep = staticmethod(asyncio.sleep)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """`admin` is host and port of the admin listener; `grace_seconds` how long a drain lets streams run on."""

    config: Path | None
    socket_dir: Path
    workers: int
    admin: tuple[str, int]
    grace_seconds: float
    log_level: str

    def worker_arguments(self) -> list[str]:
        """What every worker is told on its command line."""
        shared = ["--grace", str(self.grace_seconds), "--log-level", self.log_level]
        return [*shared, "--config", str(self.config)] if self.config is not None else shared


class Screener:
    """Makes what privacy policies and guardrails need. One of a worker: it keeps what the next document may need.

    `keepings` are where mappings outlive their exchange; without, they do not. `failed` counts failures of recognisers,
    by their names.
    """

    def __init__(
        self, keepings: "Keepings | None" = None, failed: Callable[[str], None] = lambda recogniser: None
    ) -> None:
        self._keepings = keepings
        self._failed = failed
        self._detectors: DetectorStock | None = None
        self._recognisers: RecogniserStock | None = None
        self._to_judges: Connections | None = None
        self._to_recognisers: Connections | None = None  # judges that are slow must not take theirs
        self._rule_sets: RuleSets | None = None
        self._thread = ThreadPoolExecutor(1, "search")
        self._thread_of_models = ThreadPoolExecutor(1, "recognise")

    def screens(self, gateway: Gateway) -> Screens:
        """Raises ConfigError for what no detector or rule can be made of."""
        redactor = self._redactor(gateway, gateway.privacy) if gateway.privacy is not None else None
        guards = self._guards(gateway.guardrails) if gateway.guardrails is not None else None
        return Screens(redactor, guards)

    def _redactor(self, gateway: Gateway, privacy: Privacy) -> Redactor:
        # For those who have privacy policies only: a third of a second, and 25 MB.
        from extproc.policy.detectors import DetectorStock, surrogates

        self._detectors = self._detectors or DetectorStock()
        try:
            detectors = self._detectors.of(privacy)
        except ValueError as error:
            raise ConfigError(str(error), path="privacy") from None
        mappings = self._keepings.mappings(gateway, privacy) if self._keepings is not None else None
        recognisers = self._of_models(privacy) if privacy.recognisers else None
        return Redactor(privacy, detectors, surrogates(), self._offload, mappings, recognisers)

    def _of_models(self, privacy: Privacy) -> "Mapping[str, Recognisers]":
        """The recognisers of each policy."""
        # For those who have some only.
        from extproc.clients.judge import Connections
        from extproc.policy.recognisers import RecogniserStock

        if self._recognisers is None:
            self._to_recognisers = Connections()
            self._recognisers = RecogniserStock(self._to_recognisers, self._offload_model, self._failed)
        return self._recognisers.of(privacy)

    def _guards(self, guardrails: Guardrails) -> Guards:
        # The same again.
        from extproc.clients.judge import Connections
        from extproc.policy.guard import Guards as GuardsOfDocument
        from extproc.policy.guardrail_sets import RuleSets

        self._to_judges = self._to_judges or Connections()
        self._rule_sets = self._rule_sets or RuleSets(self._to_judges, time.time)
        try:
            sets = self._rule_sets.of(guardrails)
        except ValueError as error:
            raise ConfigError(str(error), path="guardrails") from None
        return GuardsOfDocument(guardrails, sets, self._offload)

    async def close(self) -> None:
        for thread in (self._thread, self._thread_of_models):
            thread.shutdown(wait=False, cancel_futures=True)
        for connections in (self._to_judges, self._to_recognisers):
            if connections is not None:
                await connections.close()

    def _offload(self, work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _offload_model(self, work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread_of_models, work)


class Keepings:
    """Where mappings outlive their exchange. One of a worker: what was kept stays when the document changes.

    Nothing waits for them longer than `seconds`; None: than is usual.
    """

    def __init__(self, failed: Callable[[], None], seconds: float | None = None) -> None:
        self._failed = failed
        self._seconds = seconds
        self._cache: Cache | None = None

    def mappings(self, gateway: Gateway, privacy: Privacy) -> "Mappings | None":
        """None where no policy keeps any."""
        if not any(policy.keep_seconds for policy in privacy.policies):
            return None
        # For those who keep mappings only.
        from extproc.policy.mappings import MOST_SECONDS, Mappings

        cache = self._cache = self._cache or self._open(gateway.store)
        keyring = Keyring(keyed(privacy.key, b"mappings", "", ""))
        return Mappings(cache, keyring, os.urandom, MOST_SECONDS if self._seconds is None else self._seconds)

    async def close(self) -> None:
        if self._cache is not None:
            await self._cache.close()

    def _open(self, store: StoreOptions) -> Cache:
        if isinstance(store, MemoryOptions):
            return MemoryCache(_MAPPING_BYTES, time.monotonic)
        from extproc.cache.redis import RedisCache  # as for the store

        own = replace(store, prefix=f"{store.prefix}:mappings")
        return RedisCache(own, token=lambda: secrets.token_hex(16), failed=self._failed)


class Embedders:
    """Makes what turns questions into vectors. One of a worker: a local model is loaded once."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._local: dict[Path, Embedder] = {}

    def of(self, rules: Semantic, path: str) -> "Embedder | None":
        """Raises ConfigError for a local model that cannot be used; `path` is where the document names it."""
        match rules.embedder:
            case None:
                return None
            case LocalEmbedder(directory=directory):
                if directory not in self._local:
                    self._local[directory] = _local_embedder(directory, path)
                return self._local[directory]
            case RemoteEmbedder() as remote:
                return self._remote(remote)

    def _opened(self) -> ClientSession:
        """Made when it is first used: documents are compiled beside the event loop."""
        self._session = self._session or ClientSession()
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _remote(self, remote: RemoteEmbedder) -> "Embedder":
        from extproc.cache.semantic.embedder import HttpEmbedder

        return HttpEmbedder(self._opened, remote.url, remote.model, key=remote.key, seconds=remote.timeout_ms / 1000)


def _local_embedder(directory: Path, path: str) -> "Embedder":
    try:
        from extproc.cache.semantic.onnx_embedder import OnnxEmbedder
    except ImportError as error:
        raise ConfigError(f"needs the package {error.name}: install llm-extproc[semantic]", path=path) from None
    try:
        return OnnxEmbedder(directory)
    except (OSError, ValueError) as error:
        raise ConfigError(f"no local model: {error}", path=path) from None


class Shelves:
    """Makes the cache of a document. One of a worker: what was kept stays when the document changes.

    `registry` gives the store's, where the routes' samples are.
    """

    def __init__(self, metrics: Metrics, registry: Callable[[], Registry]) -> None:
        self._metrics = metrics
        self._cache: Cache | None = None
        self._leases: Leases | None = None
        self._room = Room()
        self._keyring: Keyring | None = None
        self._aftermath = Aftermath()
        self._registry = registry
        self._samples: Samples | None = None
        self._embedders = Embedders()

    def shelf(self, gateway: Gateway) -> Shelf | None:
        settings = gateway.cache
        if settings is None:
            return None
        surroundings = CacheSurroundings(
            time.time,
            time.perf_counter,
            asyncio.sleep,
            os.urandom,
            lambda event: self._metrics.cache_event(event.value),
        )
        keyring = self._keyring = Keyring(settings.key)
        cache = self._cache = self._cache or self._open(gateway, settings)
        codec = Codec(keyring, os.urandom)
        exact = ExactCache(cache, codec, surroundings, leases=self._leases, room=self._room)
        wordings = self._wordings(settings.routes, cache, exact, keyring, surroundings)
        return Shelf(
            settings.routes, keyring, exact, surroundings, self._metrics, gateway.version, self._aftermath, wordings
        )

    def _wordings(
        self,
        routes: Sequence[CacheRoute],
        cache: Cache,
        exact: ExactCache,
        keyring: Keyring,
        surroundings: CacheSurroundings,
    ) -> "dict[str, Wordings]":
        """Those of the routes that have semantic hits. Raises ConfigError."""
        semantic = {index: route.semantic for index, route in enumerate(routes) if route.semantic is not None}
        if not semantic:
            return {}
        # For those who have such routes only: 30 ms.
        from extproc.cache.semantic.lookup import SemanticLookup
        from extproc.pipeline.semantic import Samples, Wordings

        samples = self._samples = self._samples or Samples(self._registry, time.monotonic)
        made = {}
        for index, rules in semantic.items():
            name = routes[index].name
            embedder = self._embedders.of(rules, f"cache.routes[{index}].semantic.embedder.directory")
            lookup = SemanticLookup(cache, keyring, os.urandom, embedder=embedder, threshold=rules.threshold)
            made[name] = Wordings(name, rules, lookup, exact, keyring, samples, surroundings, random.random)
        return made

    async def purge(self, what: Purged, name: str) -> None:
        """Has kept answers forgotten: one, of a route, of a tenant (`team:research`), or all. Raises StoreAway."""
        if self._cache is None or self._keyring is None:
            return
        digests = {"route": self._keyring.route, "tenant": self._keyring.tenant}
        await self._cache.purge(what, digests[what](name) if what in digests else name)

    async def close(self) -> None:
        await self._aftermath.close()
        await self._embedders.close()
        if self._cache is not None:
            await self._cache.close()

    def _open(self, gateway: Gateway, settings: CacheSettings) -> Cache:
        if isinstance(gateway.store, MemoryOptions):
            return MemoryCache(settings.memory_bytes, time.monotonic)
        from extproc.cache.redis import RedisCache  # as for the store

        made = RedisCache(
            gateway.store, token=lambda: secrets.token_hex(16), failed=lambda: self._metrics.cache_event("failed")
        )
        self._leases = made
        return made


def compile_snapshot(
    gateway: Gateway,
    tokens: Tokens = NO_TOKENS,
    records: Records | None = None,
    screens: Callable[[Gateway], Screens] | None = None,
    shelf: Callable[[Gateway], Shelf | None] | None = None,
) -> Snapshot:
    """Raises ConfigError. Without `tokens` and `screens` the snapshot is good for a check only, where credentials are
    fetched or there are privacy policies; `records` are the registry's, `shelf` makes the cache."""
    for credential, backend in fetched_credentials(gateway).items():
        require_package(credential, backend)
    overrides = {
        (price.provider, price.model): Rates(
            input=price.input,
            output=price.output,
            cache_read=price.cache_read,
            cache_creation=price.cache_creation,
        )
        for price in gateway.prices
    }
    prices = PriceBook(overrides, default=gateway.default_price)
    return Snapshot(
        gateway,
        prices,
        tokens,
        records,
        screens(gateway) if screens is not None else None,
        shelf(gateway) if shelf is not None else None,
    )


def build_dry_run(gateway: Gateway, policy: str | None) -> "DryRun":
    """Raises ConfigError for a policy that there is not, and where there is nothing to try."""
    from extproc.policy.dry_run import DryRun
    from extproc.policy.guardrail_sets import local_rules

    privacy, section = gateway.privacy, gateway.guardrails
    policies = {one.name: one for one in privacy.policies} if privacy is not None else {}
    if policy is not None and policy not in policies:
        hint = nearest(policy, policies)
        raise ConfigError(f"there is no privacy policy {policy!r}", path="privacy.policies", hint=hint)
    if policy is None and section is None:
        raise ConfigError("there are no guardrails to try, and no policy was named", path="guardrails")
    screener = Screener()
    redactor = screener.screens(gateway).redactor if policy is not None else None
    chosen = policies[policy] if policy is not None else None
    return DryRun(redactor, chosen, local_rules(section) if section is not None else None, screener.close)


def build_worker(
    config: Path | None, last_good: Path | None, socket: Path, status_fd: int, grace_seconds: float
) -> Any:
    """`last_good` is where the supervisor keeps the last document that was good."""
    # gRPC is imported in workers only: the supervisor stays small.
    from extproc.server.worker import Worker, WorkerOptions

    source = Source(config, os.environ)
    read_last_good = Source(last_good, os.environ).read if last_good is not None else None
    metrics = Metrics(CollectorRegistry())
    surroundings = Surroundings(time.time, asyncio.sleep, random.random)
    keeper = TokenKeeper(partial(source_of, now=time.time), metrics, surroundings)
    records = Records()
    keepings = Keepings(lambda: metrics.cache_event("failed"))
    screener = Screener(keepings, metrics.recogniser_failed)
    shelves = Shelves(metrics, lambda: store)  # opened below, when the document says which
    compile_ = partial(compile_snapshot, tokens=keeper, records=records, screens=screener.screens, shelf=shelves.shelf)
    current = Current(source.read, compile_, read_last_good)
    tokenizers = Tokenizers()
    asyncio.get_running_loop().run_in_executor(None, tokenizers.preload).add_done_callback(_log_failure)
    gateway = current.snapshot().gateway
    store = open_store(gateway.store, metrics)
    governor = Governor(store, partial(MemoryStore, time.time), metrics, time.time)
    replica = Replica(store, records)
    office = Office(store, store, replica, lambda: current.snapshot().gateway, time.time, shelves)
    treasury = Treasury(governor, Estimator(), tokenizers)
    processor = Processor(worker=str(socket), clock=SystemClock(), treasury=treasury, recorder=Recorders(metrics))
    endings = Endings(shelves, keepings, store, screener)
    upkeep = Upkeep(governor, replica, endings, metrics.internal_error)
    door = Door(admin_socket(socket), partial(_admin_api, office), cancels=False)
    return Worker(WorkerOptions(socket, status_fd, grace_seconds), current, processor, keeper, upkeep, door, metrics)


def _admin_api(office: Office) -> web.Application:
    from extproc.admin.app import build_admin_api  # the API's own types take a tenth of a second

    return build_admin_api(office)


def open_store(options: StoreOptions, metrics: Metrics) -> Store:
    """The store that the document names. Redis is connected to when it is first needed."""
    if isinstance(options, MemoryOptions):
        return MemoryStore(time.time)
    from extproc.store.redis import RedisStore  # a quarter of a second to import, for those who use it

    return RedisStore(options, on_change=lambda available: metrics.store_available(available=available))


def _log_failure(preloading: "asyncio.Future[None]") -> None:
    if not preloading.cancelled() and (error := preloading.exception()) is not None:
        _log.error("tokenizer not loaded", exc_info=error)


class Serving:
    """A running gateway: supervisor, admin port, and the watch over the document."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._source = Source(options.config, os.environ)
        self._gateway = self._source.read()
        refuse_split_store(self._gateway, options.workers)
        self._private_dir = Path(tempfile.mkdtemp(prefix="llm-extproc-"))  # for this user alone
        self._last_good = self._private_dir / "gateway.yaml"
        self._last_good.write_text(self._source.last_good, encoding="utf-8")
        self._multiproc_dir = self._private_dir / "metrics"
        self._multiproc_dir.mkdir()
        self._registry = CollectorRegistry()
        arguments = [*options.worker_arguments(), "--last-good", str(self._last_good)]
        command = partial(worker_command, arguments, options.socket_dir)
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(self._multiproc_dir)}
        self.supervisor = Supervisor(
            SupervisorOptions(options.workers, options.grace_seconds, command, environment),
            on_exit=partial(forget_worker, multiproc_dir=self._multiproc_dir),
        )

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then drains."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.supervisor.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        prepare_socket_dir(self._options.socket_dir)
        runner = await self._start_admin()
        watching = asyncio.create_task(watch(self._source.fingerprint, self._reload))
        try:
            await self.supervisor.run()
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await runner.cleanup()
            shutil.rmtree(self._private_dir, ignore_errors=True)

    async def _start_admin(self) -> web.AppRunner:
        app = build_admin(
            self.supervisor,
            partial(exposition, self._multiproc_dir, self._registry),
            lambda: redacted_view(self._gateway),
            AdminProxy(self.supervisor, self._options.socket_dir, lambda: bool(self._gateway.admin_tokens)),
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        host, port = self._options.admin
        await web.TCPSite(runner, host, port).start()
        _log.info("admin listening", extra={"fields": {"address": f"{host}:{port}"}})
        return runner

    def _reload(self) -> None:
        """The workers read the document too, name what is wrong with it, and keep the one they have."""
        try:
            gateway = self._source.read()
            refuse_split_store(gateway, self._options.workers)
            compile_snapshot(gateway)
        except ConfigError:
            pass
        else:
            self._gateway = gateway
            self._last_good.write_text(self._source.last_good, encoding="utf-8")
        self.supervisor.reload()


def refuse_split_store(gateway: Gateway, workers: int) -> None:
    """Raises ConfigError where several workers would each keep accounts and keys of their own."""
    kept = gateway.registry or gateway.rules
    if workers > 1 and kept and isinstance(gateway.store, MemoryOptions):
        raise ConfigError(
            f"limits, budgets and a registry on {workers} workers need a store that they share", path="store"
        )


def prepare_socket_dir(path: Path) -> None:
    """Makes the directory of the workers' sockets, for this user alone. Raises ConfigError when it is another's."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise ConfigError("belongs to another user", source=str(path))
