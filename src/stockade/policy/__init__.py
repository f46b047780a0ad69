"""Rules over (caller, object), each both a check and a queryset filter: no list leaks what a detail view refuses."""

from stockade.policy.base import Policy, Rule, Undecidable, as_policy
from stockade.policy.guardian import Granted
from stockade.policy.mediation import Mediator
from stockade.policy.owner import Owner
from stockade.policy.proof import Assurance, Fresh
from stockade.policy.public import Public
from stockade.policy.refusals import missing_scopes
from stockade.policy.rules import Authenticated, Nobody, Permission, Person, Role, Scheme, Scope, Staff
from stockade.policy.table import PolicyTable
from stockade.policy.visibility import Visibility, refusal_at_the_door

__all__ = [
    "Assurance",
    "Authenticated",
    "Fresh",
    "Granted",
    "Mediator",
    "Nobody",
    "Owner",
    "Permission",
    "Person",
    "Policy",
    "PolicyTable",
    "Public",
    "Role",
    "Rule",
    "Scheme",
    "Scope",
    "Staff",
    "Undecidable",
    "Visibility",
    "as_policy",
    "missing_scopes",
    "refusal_at_the_door",
]
