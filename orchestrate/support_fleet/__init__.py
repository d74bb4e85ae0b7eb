"""Many accounts on Dagster, from one file: every stream of every account is an asset.

``accounts.py`` is what the file may say, ``component.py`` makes Dagster's definitions of it,
``meltano.py`` runs an account below ``guard.py``, and ``log.py`` reads from the lines of the run
what becomes metadata and checks.
"""

from support_fleet.component import SupportAccounts

__all__ = ["SupportAccounts"]
