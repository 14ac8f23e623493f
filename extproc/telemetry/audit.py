"""The audit log: a line for each exchange in which a privacy policy found something, and one for guardrails.

Counts and names, never a value.
"""

import logging

from extproc.telemetry.record import ExchangeRecord, Redactions, VerdictCount

_log = logging.getLogger(__name__)


def audit(record: ExchangeRecord) -> None:
    """Writes what there is to say of an exchange that has ended."""
    redactions = record.redactions
    if redactions is not None and redactions.counts:
        _log.info("redactions", extra={"fields": {**_who(record), **_what(redactions)}})
    if record.verdicts:
        verdicts = [_verdict(one) for one in record.verdicts]
        _log.info("guardrails", extra={"fields": {**_who(record), "verdicts": verdicts}})


def _who(record: ExchangeRecord) -> dict[str, object]:
    return {
        "request_id": record.request_id,
        "key": record.key_alias,
        "team": record.team,
        "model": record.model,
        "backend": record.backend,
        "operation": record.operation,
        "status": record.status,
    }


def _verdict(one: VerdictCount) -> dict[str, object]:
    return {"rule": one.rule, "action": one.action, "mode": one.mode, "phase": one.phase, "count": one.count}


def _what(redactions: Redactions) -> dict[str, object]:
    return {
        "policy": redactions.policy,
        "mode": redactions.mode,
        "found": [{"entity": one.entity, "action": one.action, "count": one.count} for one in redactions.counts],
        "restored": redactions.restored,
        "unknown": redactions.unknown,
        "unrestored": redactions.unrestored,
    }
