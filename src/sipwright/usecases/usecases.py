"""All use cases in one place: what the faces are given."""

from __future__ import annotations

from typing import Self

from sipwright.config import Settings
from sipwright.control.client import SwitchClient
from sipwright.store.admin.administration import Administration
from sipwright.usecases.accounts import Accounts
from sipwright.usecases.audit import Audit
from sipwright.usecases.bans import Bans
from sipwright.usecases.bindings import Bindings
from sipwright.usecases.calls import Calls
from sipwright.usecases.cdrs import Cdrs
from sipwright.usecases.dialplans import Dialplans
from sipwright.usecases.domains import Domains
from sipwright.usecases.events import Events
from sipwright.usecases.gate import Gate
from sipwright.usecases.ground import Ground
from sipwright.usecases.guard import Guard
from sipwright.usecases.invites import Invites
from sipwright.usecases.keys import Keys
from sipwright.usecases.login import Login
from sipwright.usecases.me import Me
from sipwright.usecases.messages import Messages
from sipwright.usecases.nodes import Nodes
from sipwright.usecases.providers import Providers
from sipwright.usecases.recovery import Recovery
from sipwright.usecases.secrets import Secrets
from sipwright.usecases.sessions import Sessions
from sipwright.usecases.settings import SettingsShown
from sipwright.usecases.signup import SignUp
from sipwright.usecases.status import Status
from sipwright.usecases.tokens import Tokens
from sipwright.usecases.traces import Traces
from sipwright.usecases.unusual_calls import UnusualCalls
from sipwright.usecases.users import Users
from sipwright.usecases.values import Values

__all__ = ["UseCases"]


class UseCases:
    """The use cases of all things and of people, whatever the face; made once for each process.

    Each method takes an `Actor` first, and holds them to what they may: what is another's does not exist for a user.
    """

    def __init__(self, administration: Administration, settings: Settings, switch: SwitchClient) -> None:
        self.ground = ground = Ground(administration, settings, switch)
        self.accounts = Accounts(ground)
        self.bindings = Bindings(ground)
        self.providers = Providers(ground)
        self.dialplans = Dialplans(ground)
        self.calls = Calls(ground)
        self.cdrs = Cdrs(ground)
        self.traces = Traces(ground)
        self.messages = Messages(ground)
        self.values = Values(ground)
        self.secrets = Secrets(ground)
        self.domains = Domains(ground)
        self.bans = Bans(ground)
        self.guard = Guard(ground)
        self.unusual_calls = UnusualCalls(ground)
        self.nodes = Nodes(ground)
        self.events = Events(ground)
        self.status = Status(ground)
        self.settings = SettingsShown(ground)
        self.gate = gate = Gate(ground)
        self.login = Login(gate)
        self.users = Users(gate)
        self.tokens = Tokens(gate)
        self.sessions = Sessions(gate)
        self.keys = Keys(gate)
        self.invites = Invites(ground)
        self.audit = Audit(ground)
        self.me = Me(gate)
        self.signup = SignUp(gate)
        self.recovery = Recovery(gate)

    @classmethod
    async def open(cls, settings: Settings, *, patience: float | None = None) -> Self:
        """Open the database of a data folder; whether a switch runs there does not matter.

        Who looks at a page has less `patience` with the locks of others than a command at night.
        """
        administration = await Administration.open(
            settings.database_url, settings.key_file, patience=patience
        )
        return cls(administration, settings, SwitchClient(settings.data_dir))

    async def close(self) -> None:
        """Give back all connections."""
        self.recovery.close()
        self.gate.close()
        await self.ground.close()
        await self.ground.switch.close()
        await self.ground.administration.close()
