"""Which budgets there are: every rule with everybody whom it counts for, as far as the document and the registry know.

A budget of each user, tag or key may also count for callers who are known by a token alone: those are found by name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from extproc.config.limits import EACH, AnyRule, BudgetRule, Scope
from extproc.config.lookup import ModelLookup
from extproc.config.model import Gateway
from extproc.config.rules import key_rules
from extproc.policy.plan import Entry, Planner
from extproc.policy.principal import Principal
from extproc.policy.records import Records

_OPEN = (Scope.KEY, Scope.USER, Scope.TAG)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an account is of: `name` at the rule's scope, what people know that by, and its organisation."""

    name: str
    label: str
    organisation: str = ""

    def is_called(self, name: str) -> bool:
        return name in (self.name, self.label)


@dataclass(frozen=True, slots=True)
class BudgetAccount:
    """One budget of one subject."""

    rule: BudgetRule
    subject: Subject

    def entry(self) -> Entry | None:
        """The budget as it applies to a request of the subject; None where it does not."""
        model = name = "" if EACH in self.rule.models else self.rule.models[0]
        if self.rule.scope is Scope.MODEL:
            model, name = self.subject.name, self.subject.label
        return next(iter(Planner(()).plan(_caller(self.rule, self.subject), model, name).entries), None)


class Accounts:
    """The budgets of one document and one state of the registry."""

    def __init__(self, gateway: Gateway, records: Records) -> None:
        self._gateway = gateway
        self._records = records if gateway.registry else Records()
        teams = self._records.teams
        self._organisations = {
            **{name: team.organisation for name in teams if (team := teams.record(name))},
            **{team.name: team.organisation for team in gateway.teams},
        }

    def rules(self) -> Iterator[BudgetRule]:
        """Those of the document."""
        return (rule for rule in self._gateway.rules if isinstance(rule, BudgetRule))

    def all(
        self, budget: str | None = None, scope: str | None = None, subject: str | None = None
    ) -> Iterator[BudgetAccount | None]:
        """Those of this name, scope and subject, where these are given: the document's first.

        None stands for somebody who has none, so that whoever goes through many can pause.
        """
        for rule in self.rules():
            if budget in (None, rule.name) and scope in (None, rule.scope.value):
                for each in self._of(rule, subject):
                    yield BudgetAccount(rule, each) if subject is None or each.is_called(subject) else None
        for of in (Scope.TEAM, Scope.KEY):
            if scope in (None, of.value):
                yield from self._registered(of, budget, subject)

    def by_name(self, budget: str, subject: str, organisation: str) -> BudgetAccount | None:
        """One that may be of somebody known by a token alone."""
        for rule in self.rules():
            if rule.name == budget and rule.scope in _OPEN and rule.subject in (EACH, subject):
                return BudgetAccount(rule, Subject(subject, subject, organisation))
        return None

    def _registered(self, scope: Scope, budget: str | None, subject: str | None) -> Iterator[BudgetAccount | None]:
        """Those that keys or teams of the registry brought along."""
        for each in self._teams() if scope is Scope.TEAM else self._keys(subject):
            yield None
            if subject is None or each.is_called(subject):
                for rule in self._own_rules(scope, each.name):
                    if isinstance(rule, BudgetRule) and budget in (None, rule.name):
                        yield BudgetAccount(rule, each)

    def _own_rules(self, scope: Scope, name: str) -> tuple[AnyRule, ...]:
        """Made anew, so that looking at all keys does not fill the memory with what requests do not use."""
        if scope is Scope.TEAM and any(team.name == name for team in self._gateway.teams):
            return ()
        record = self._records.teams.record(name) if scope is Scope.TEAM else self._records.keys.record(name)
        try:
            return () if record is None else key_rules(scope, name, record)
        except ValueError:
            return ()

    def _of(self, rule: BudgetRule, subject: str | None) -> Iterator[Subject]:
        """Everybody whom a rule of the document counts for; who is named there need not be known otherwise.

        Where `subject` is given, others may be left out.
        """
        if rule.scope is Scope.GATEWAY:
            yield Subject("", "")
        elif rule.subject == EACH:
            yield from self._candidates(rule, subject)
        else:
            known = [each for each in self._candidates(rule, rule.subject) if each.is_called(rule.subject)]
            yield from known or (self._named(rule),)

    def _named(self, rule: BudgetRule) -> Subject:
        """Somebody who is known by the rule alone; a model by the wildcard that answers for its name."""
        if rule.scope is Scope.MODEL:
            model = ModelLookup(self._gateway.models).find(rule.subject)
            return Subject(model.name if model is not None else rule.subject, rule.subject)
        return Subject(rule.subject, rule.subject, rule.subject if rule.scope is Scope.ORGANISATION else "")

    def _candidates(self, rule: BudgetRule, subject: str | None) -> Iterable[Subject]:
        match rule.scope:
            case Scope.KEY:
                return self._keys(subject)
            case Scope.TEAM:
                return self._teams()
            case Scope.ORGANISATION:
                return self._named_organisations()
            case Scope.MODEL:
                models = (Subject(model.name, model.name) for model in self._gateway.models)
                return (model for model in models if BudgetAccount(rule, model).entry() is not None)
            case Scope.USER:
                return self._users()
            case _:
                return self._tags()

    def _keys(self, subject: str | None) -> Iterator[Subject]:
        """All of them, or those that may be called so."""
        for key in self._gateway.keys:
            yield Subject(key.alias, key.alias, self._organisations.get(key.team, ""))
        known = self._records
        ids = list(known.keys) if subject is None else [subject, known.key_ids.get(subject, "")]
        for key_id in ids:
            record = known.keys.record(key_id)
            if record is not None:
                yield Subject(key_id, record.alias or key_id, self._organisations.get(record.team, ""))

    def _teams(self) -> Iterator[Subject]:
        labels = (key.team for key in self._gateway.keys if key.team)
        for name in dict.fromkeys((*self._organisations, *labels)):
            yield Subject(name, name, self._organisations.get(name, ""))

    def _named_organisations(self) -> Iterator[Subject]:
        names = (*(each.name for each in self._gateway.organisations), *self._records.organisations)
        return (Subject(name, name, name) for name in dict.fromkeys(names))

    def _users(self) -> Iterator[Subject]:
        keys = self._records.keys
        of_keys = [(key.user, key.team) for key in self._gateway.keys]
        of_keys += [(key.user, key.team) for key_id in keys if (key := keys.record(key_id))]
        for user, organisation in dict.fromkeys((user, self._organisations.get(team, "")) for user, team in of_keys):
            if user:
                yield Subject(user, user, organisation)

    def _tags(self) -> Iterable[Subject]:
        written, known = self._gateway, self._records
        tagged: tuple[Iterable[tuple[str, ...]], ...] = (
            (key.tags for key in written.keys),
            (team.tags for team in written.teams),
            (organisation.tags for organisation in written.organisations),
            (key.tags for name in known.keys if (key := known.keys.record(name))),
            (team.tags for name in known.teams if (team := known.teams.record(name))),
            (each.tags for name in known.organisations if (each := known.organisations.record(name))),
        )
        tags = dict.fromkeys(tag for group in tagged for each in group for tag in each)
        return (Subject(tag, tag) for tag in tags)


def _caller(rule: BudgetRule, subject: Subject) -> Principal:
    """Somebody of whom the plan knows no more than what the rule is about."""
    is_of = {scope: subject.name if rule.scope is scope else "" for scope in Scope}
    return Principal(
        id=is_of[Scope.KEY],
        alias=subject.label,
        user=is_of[Scope.USER],
        team=is_of[Scope.TEAM],
        organisation=subject.organisation,
        tags=(is_of[Scope.TAG],),
        rules=(rule,),
    )
