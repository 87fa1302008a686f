"""What can be wrong with what people send, ask or set; HTTP and the command line translate it."""

from geo.errors import Explained


class XunchaError(Explained):
    """Root of the errors of this package; `field` and `row` say where, when they are known.

    A message may name them as ``%(field)s`` and ``%(row)s``.

    >>> str(InvalidError("%(field)s needs a time zone", field="fixed_at"))
    'fixed_at needs a time zone'
    """

    def __init__(
        self, message: str, *, field: str | None = None, row: int | None = None, **params: object
    ) -> None:
        super().__init__(message, **{"field": field, "row": row, **params})
        self.field = field
        self.row = row


class InvalidError(XunchaError):
    """A value that cannot be accepted; nothing was written."""


class NotFoundError(XunchaError):
    """There is no such record, or the asker may not know of it."""


class ConflictError(XunchaError):
    """The same id came with other content, or the record changed in between."""


class ForbiddenError(XunchaError):
    """Known, but not allowed."""


class UnauthorisedError(XunchaError):
    """Nobody is known to be asking."""


class UnreadableFileError(XunchaError):
    """A file that is not what it says it is, or cannot be read at all."""


class TooLargeError(XunchaError):
    """More than the site is set to take."""


class TooManyError(XunchaError):
    """More at a time than is taken from one account; some have to be finished first."""


class BusyError(XunchaError):
    """The store is locked by other writers for too long; try again later."""


class NoSpaceError(XunchaError):
    """The disk, or the store's page limit, is full."""


class SettingError(XunchaError):
    """A setting that makes no sense; the site does not start with it."""


class MigrationError(XunchaError):
    """A store that this version cannot bring up to date."""
