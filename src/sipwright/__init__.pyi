"""What editors and type checkers see of ``from sipwright import ...`` in a dialplan; there it is ``names.pyi``."""

from sipwright.services.dialplan.language.names import *  # noqa: F403
