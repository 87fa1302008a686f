"""What of the field an account may see and change: by its role, its areas and its categories.

Who reports sees what is his own; others see everybody's within their areas and categories.  A responsible
unit that has been given neither sees nothing.
"""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import ColumnElement, and_, or_

from layers.field.asking import FindingFilter
from layers.people import Account, may
from layers.store.schema import finding


def sees(
    account: Account, owner_id: int, districts: Collection[int] = (), category: tuple[str, str] | None = None
) -> bool:
    """Tell whether `account` may see a record of `owner_id` that lies in these areas.

    >>> inspector, unit = Account(1, "li", "李", "inspector"), Account(2, "yuan", "园林", "unit")
    >>> sees(inspector, 1), sees(inspector, 2), sees(Account(3, "wang", "王", "supervisor"), 2)
    (True, False, True)
    >>> sees(unit, 1, [7])
    False
    """
    if account.id == owner_id:
        return True
    if not may(account, "see all"):
        return False
    scope = account.scope
    if not scope.is_limited:
        return account.role != "unit"
    in_area = not scope.districts or not set(scope.districts).isdisjoint(districts)
    return in_area and (not scope.categories or category in scope.categories)


def may_change(account: Account, owner_id: int) -> bool:
    """Tell whether `account`, which sees it, may correct or withdraw what `owner_id` reported.

    >>> may_change(Account(1, "li", "李", "inspector"), 2), may_change(Account(3, "wang", "王", "admin"), 2)
    (False, True)
    """
    return may(account, "correct") or (account.id == owner_id and may(account, "report"))


def seen_by(account: Account, wanted: FindingFilter) -> FindingFilter:
    """Return the filter, narrowed to what `account` may see."""
    if not may(account, "see all"):
        return replace(wanted, account_id=account.id)
    scope = account.scope
    if account.role == "unit" and not scope.is_limited:
        return replace(wanted, within=())
    narrowed = replace(wanted, within=scope.districts or wanted.within)
    if not scope.categories:
        return narrowed
    asked = scope.categories if wanted.categories is None else wanted.categories
    return replace(narrowed, categories=tuple(one for one in asked if one in scope.categories))


def visible(account: Account) -> ColumnElement[bool]:
    """Return the condition that `account` may see a finding, withdrawn or merged or not, as SQL."""
    narrowed = seen_by(account, FindingFilter(with_withdrawn=True, with_duplicates=True))
    return or_(finding.c.account_id == account.id, and_(True, *narrowed.conditions()))
