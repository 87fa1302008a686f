"""Whose tracks these are: people by login or by name, as a file or whoever imports it says."""

from collections import Counter
from collections.abc import Sequence

from layers import people
from layers.errors import InvalidError
from layers.people import Account
from layers.site import Site


def known(site: Site) -> list[Account]:
    """Return the people whose tracks the site takes, by name."""
    with site.store.read() as conn:
        accounts = people.all_accounts(conn)
    return sorted((one for one in accounts if people.may(one, "report")), key=lambda one: one.name)


def find(accounts: Sequence[Account], said: str) -> Account:
    """Return the one whom a login or a name means.

    Raises
    ------
    InvalidError
        Nobody is called so, or several are.

    Examples
    --------
    >>> li, other = Account(1, "li", "李强", "inspector"), Account(2, "li2", "李强", "inspector")
    >>> find([li, other], "li").id
    1
    >>> find([li, other], "李强")
    Traceback (most recent call last):
    layers.errors.InvalidError: Several people are called 李强; name the login
    """
    by_login = {one.login: one for one in accounts}
    if said in by_login:
        return by_login[said]
    n = Counter(one.name for one in accounts)[said]
    if n > 1:
        raise InvalidError("Several people are called %(given)s; name the login", field="person", given=said)
    if n == 0:
        raise InvalidError("Nobody who patrols is called %(given)s", field="person", given=said)
    return next(one for one in accounts if one.name == said)
