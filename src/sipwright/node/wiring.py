"""The parts of a node: the only place where everything is wired together.

Read `Wiring` from top to bottom to see what stands on what; the order of the steps in `Wiring._make_pipeline` is the
order in which a request is offered to the services. When all this begins and ends is in `node.py`.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from sipwright.certificate import believed_certificates
from sipwright.config import Settings, listen_address
from sipwright.monitor.trace.recorder import Recorder
from sipwright.services.agent import Agent
from sipwright.services.authentication import Authenticator
from sipwright.services.dialplan.outside import MailSettings
from sipwright.services.guard import program_of_scanner
from sipwright.services.notifier import (
    MessageSummary,
    Notifier,
    NotifierPorts,
    Publisher,
)
from sipwright.services.registrar import Lifetimes, LocationService, LocationTable, QuickWay, Registrar
from sipwright.services.rendezvous import Rendezvous
from sipwright.services.stun import StunServer
from sipwright.services.switch import (
    Destinations,
    DialledNumbers,
    Origins,
    Router,
    ServiceRoutes,
    Switch,
    SwitchSettings,
    TextIdentities,
    refuse_unknown,
)
from sipwright.sip.nonces import NonceKeeper
from sipwright.stack import Pipeline, Stack, TimedTokens
from sipwright.stack.pipeline import Step
from sipwright.steady_clock import SteadyClock, clock_file
from sipwright.store import Registrations, Store
from sipwright.store.database.sqlite import DatabaseFile
from sipwright.transport import Resolver
from sipwright.transport.networks import networks
from sipwright.transport.tap import Tap

from .account_fetcher import AccountFetcher
from .baseline_learning import BaselineLearning
from .call_guard import CallGuard
from .call_watches import BindingWatches, CallWatches
from .clock_watch import ClockWatch
from .collector import Collector
from .control import Control
from .dialog_watch import DialogWatch
from .directory_views import AccountLoader, DirectoryLimits, ServedNames, SourceShares
from .followed_changes import FollowedChanges
from .guarding import Guarding, is_known_to
from .keep_alives import KeepAlives
from .known_places import KnownPlaces
from .last_steps import answer_options, refuse_method
from .messages_asked import MessagesAsked
from .messages_waiting import MessagesWaiting
from .monitoring import Monitoring
from .outage import Outage
from .people import People
from .profile_checks import ProfileChecks
from .provider_states import ProviderStates
from .refusals import Refusals
from .registration_watch import RegistrationWatch
from .script_bridge import Scripts
from .several.crew import Crew
from .several.limit_shares import LimitShares, users_of
from .several.neighbours import Neighbours
from .taking_up import take_up
from .transports import make_transports
from .unusual_calls import UnusualCalls

__all__ = ["Wiring"]


class Wiring:
    """The parts of a node; must be made inside a running event loop, and nothing runs or listens yet."""

    def __init__(
        self, settings: Settings, store: Store, nonce_secret: bytes, neighbours: Neighbours | None = None,
        crew: Crew | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.store = store
        self.neighbours = neighbours
        self.crew = crew
        self._nonce_secret = nonce_secret
        self._dns = None if settings.sip.dns is None else listen_address(settings.sip.dns)
        # Deadlines are stored by the one, nonces made by the other, which is not even set when nobody looks.
        self.clock = SteadyClock.found(clock_file(settings.key_file))
        self._unix_time = self.clock.__call__  # the method, as that is called in half the time
        self._token = TimedTokens().__call__ if neighbours is None else neighbours.token()
        self._make_stack()
        self._make_stun()
        self._make_scripts()
        self._make_guard()
        self._make_switch()
        self._make_registrar()
        self._make_notifier()
        self._make_agent()
        self._make_pipeline()
        self._post_guard()
        self._make_attendants()

    def _make_stack(self) -> None:
        """Make what brings messages here and takes them away, with what looks at them before anybody else."""
        sip, loop, clock = self.settings.sip, asyncio.get_running_loop(), self._unix_time
        neighbours, tap = self.neighbours, Tap(clock)
        self.guarding = Guarding(self.settings.guard, self.store, time.monotonic)
        self.recorder = Recorder(
            tap, self.store.writer, self.settings.trace.calls, call_later=loop.call_later, clock=clock
        )
        self.refusals = Refusals(self.store, self.recorder, unix_time=clock)
        self.pipeline = Pipeline(on_refused=self.refusals)
        self.locations = LocationTable(is_gone=lambda source: self.stack.outbound.is_gone(source))
        self.people = People(self.store.directory, self.locations)
        self.known_places = KnownPlaces(
            self.store.directory, self.locations, lambda: self.stack, time.monotonic
        )
        ways = [name for name in ("udp", "tcp", "tls") if name != "tls" or sip.tls]
        self.stack = Stack(
            make_transports(self.settings, loop.call_soon, self.guarding.sources), self.pipeline,
            public_address=sip.public_address,
            random_token=None if self.crew is None or neighbours is None else neighbours.branches(self.crew.mark),
            resolver=Resolver(server=self._dns, transports=ways),
            networks=networks(sip.networks), is_known=self.known_places, tap=tap,
            on_stray_response=lambda response, flow: self.switch.late_response(response, flow),
            on_absorbed_ack=self.recorder.acknowledged if self._is_recording else None,
            call_later=None if neighbours is None else neighbours.held.call_later,
        )  # fmt: skip

    def _make_stun(self) -> None:
        """Make what answers STUN, on the ports of SIP too."""
        self._rendezvous = Rendezvous(time.monotonic)
        addresses = self.settings.stun.addresses if self.settings.worker <= 1 else ()
        self.stun = StunServer(addresses, time.monotonic)
        self.stun.on_named = self._rendezvous.note
        for transport in self.stack.transports:
            transport.on_stun = self.stun.answer

    def _make_scripts(self) -> None:
        """Make what runs dialplans, and what knows who somebody is."""
        store, mail = self.store, self.settings.mail
        self.names = ServedNames(store.directory, self.stack)
        self.authenticator = Authenticator(
            self.names, self._nonces(), unix_time=SteadyClock(self.clock.offset),
            flow_keys=self.locations.flow_keys,
        )  # fmt: skip
        self.limits = DirectoryLimits(store.directory, self.settings.dialplan)
        self.scripts = Scripts(
            self.settings.dialplan, store, self.locations, lambda: self.switch, self.limits.of_runs,
            node=self.settings.node, clock=self._unix_time, mail=MailSettings(**mail.model_dump()),
            is_own_host=self.stack.addresses.is_own_host, dns_server=self._dns,
        )  # fmt: skip

    def _make_guard(self) -> None:
        """Make what keeps calls from costing what nobody wants to pay."""
        settings, store, neighbours = self.settings, self.store, self.neighbours
        self.unusual_calls = UnusualCalls(settings, store, time.time)
        self.learning = BaselineLearning(
            settings, store, time.time, _always if neighbours is None else neighbours.learns_of
        )
        self.scripts.effects.confirm_call = self.unusual_calls.confirm
        self.call_guard = CallGuard(
            settings.guard, store.directory, store.writer, settings.node, time.monotonic, time.time,
            self.unusual_calls,
        )  # fmt: skip

    def _make_switch(self) -> None:
        """Make what calls are, and who may make which."""
        sip, store = self.settings.sip, self.store
        self.origins = Origins(self.names, self.stack, accepts_anyone=sip.accept == "anyone")
        self.service_routes = ServiceRoutes()
        router = Router(self.names, self.authenticator, self.origins, domain_at=self.people.domain_at)
        self.switch = Switch(
            self.stack, router,
            Destinations(
                self.names, self.locations, router.find, time.monotonic, sip.answer_within, self.service_routes
            ),
            store.writer,
            SwitchSettings(
                public_address=sip.public_address, longest_call=sip.longest_call, probe=sip.probe,
                session_expires=sip.session_expires, min_se=sip.min_se, seen_at=self._rendezvous.find,
                calls_per_account=sip.calls_per_account, emergency=frozenset(sip.emergency),
            ),
            node=self.settings.node, clock=time.monotonic, wall_clock=self._unix_time,
            call_later=self.stack.call_later, token=self._token, scripts=self.scripts,
            observer=self.recorder if self._is_recording else None, is_store_away=lambda: store.writer.is_away,
            most_from=SourceShares(self.limits.of_runs, self.origins.addresses.at),
            runs_on=self.scripts.runs_on, own_limits=self.limits, why_no_run=self.scripts.why_no_run,
            why_stopped=self._why_stopped, may_pick_up=self.people.may_pick_up, guard=self.call_guard,
            identities=TextIdentities(self._nonce_secret, gives_branches=self.crew is None),
        )  # fmt: skip

    def _make_registrar(self) -> None:
        """Make what knows where phones are, and what looks at phones and calls for those who watch them."""
        sip, writer = self.settings.sip, self.store.writer
        self._writer = (
            writer
            if self.neighbours is None
            else self.neighbours.writer(writer, self.locations, self._unix_time)
        )
        self.location_service = LocationService(
            self.locations, self._writer, unix_time=self._unix_time, on_registered=self._registered
        )
        self.registrar = Registrar(
            self.names, self.authenticator, self.location_service, most_bindings=sip.max_bindings,
            lifetimes=Lifetimes(sip.min_expires, sip.max_expires, sip.nat_expires),
        )  # fmt: skip
        self.call_watches = CallWatches(lambda watch: setattr(self.switch.ports, "watch", watch))
        self.binding_watches = BindingWatches(lambda watch: setattr(self.location_service, "watch", watch))
        self.dialog_watch = DialogWatch(
            self.switch.calls.values,
            lambda is_used: self.call_watches.set("dialogs", self.dialog_watch if is_used else None),
        )
        self.registrations = RegistrationWatch(
            self._writer, self._unix_time, self.locations,
            lambda is_used: self.binding_watches.set("phones", self.registrations if is_used else None),
        )  # fmt: skip

    def _make_notifier(self) -> None:
        """Make what tells phones of calls, of each other, and of messages that wait."""
        store, clock = self.store, self._unix_time
        self.summaries = MessageSummary(self._writer, clock)
        self.accounts = AccountFetcher(store)
        self.messages_asked = MessagesAsked(store.directory, self.switch, self.service_routes.preloaded)
        self.messages_waiting = MessagesWaiting(
            self.summaries, lambda: self.notifier, self.origins.addresses.at, self.messages_asked.over
        )
        self.scripts.effects.messages_waiting = self.messages_waiting.put
        ports = NotifierPorts(
            node=self.settings.node, stack=self.stack, directory=self.names, authenticator=self.authenticator,
            locations=self.locations, writer=store.writer, clock=time.monotonic, unix_time=clock,
            call_later=self.stack.call_later, token=self._token, rights_of=self.people.rights_of,
            policy=self.settings.policy.as_policy(), fetch=self.accounts, members_of=self.people.members_of,
            domain_beside=self.switch.router.senders.domain_beside,
        )  # fmt: skip
        presence = self.registrations.presence
        packages = (self.dialog_watch, self.summaries, presence, self.registrations.reg_info)
        self.notifier = Notifier(ports, packages)
        self.dialog_watch.notifier = self.registrations.notifier = self.notifier
        self.publisher = Publisher(ports, self.notifier, presence)

    def _make_agent(self) -> None:
        """Make what registers at providers, and knows which of their servers work."""
        settings, store, neighbours = self.settings, self.store, self.neighbours
        addresses = self.origins.addresses
        self._registered_at = addresses.registered if self.crew is None else self.crew.provider_registered
        self.agent = Agent(
            self.stack, store.directory, store.writer, Registrations(store.database), node=settings.node,
            wall_clock=self._unix_time, servers=self.switch.servers, on_registered=self._provider_registered,
            on_route=self.service_routes.told if self.crew is None else self.crew.provider_routed,
            may_act=_always if neighbours is None else neighbours.membership.may_act,
            is_share=None if neighbours is None else neighbours.is_share,
        )  # fmt: skip
        self.switch.servers.on_back = self.agent.server_is_back
        self.switch.servers.on_doubt = self.agent.doubted
        self.provider_states = ProviderStates(
            store, self.switch.servers, settings.node, clock=time.monotonic, unix_time=self._unix_time
        )
        self.profile_checks = ProfileChecks(
            store, self.stack, believed_certificates(settings), unix_time=time.time, dns=self._dns
        )

    def _make_pipeline(self) -> None:
        """List who is offered a request, in their order.

        It is given to the stack late: a step sends through the stack, which offers it what comes in.
        """
        store, names = self.store, self.names
        self.outage = Outage(
            self.settings.key_file.parent, store.writer, self.switch.store_is_away, self.recorder, self.refusals,
            DatabaseFile(self.settings.database_url).displaced,
        )  # fmt: skip
        self.options = answer_options
        if not self.settings.sip.session_expires:
            self.options = partial(answer_options, told=Switch.told_without_timer)
        steps: tuple[Step, ...] = (
            self.outage,
            self.registrar,
            self.notifier,
            self.publisher,
            self.messages_waiting,
            *self._shares(),
            self.switch,
            self.options,
            refuse_method,
        )
        again = Pipeline(steps, on_refused=self.refusals)
        self.pipeline.steps = (
            self.guarding,
            DialledNumbers(names, self.switch.ports.settings.help, self.people.domain_at),
            refuse_unknown,
            AccountLoader(store, names, self.origins.takers, again, watching=self.notifier.accounts_of),
            *steps,
        )
        self.quick_way = QuickWay(
            self.stack, self.registrar, store.directory, self.pipeline.refuse, is_scanner=program_of_scanner
        )
        self.stack.receiver.quick_way = self.quick_way.__call__

    def _make_attendants(self) -> None:
        """Make what looks after all that, follows what people change, and does what they ask for."""
        settings, store = self.settings, self.store
        store.directory.listeners.append(FollowedChanges(self))
        self.keep_alives = KeepAlives(
            store, self.stack, self.locations, settings.sip.keep_alive, time.monotonic
        )
        self.collector = Collector(lambda: self.stack.messages)
        self.clock_watch = ClockWatch(
            self.clock, clock_file(settings.key_file), self.stack, store,
            has_deadlines=lambda: bool(self.switch.calls) or not self.scripts.executions.is_idle,
            on_followed=self.registrations.presence.follow_clock,
        )  # fmt: skip
        self.monitoring = Monitoring(self, lambda: len(self.control.events))
        if self.neighbours is not None:
            self.neighbours.serve(self, partial(take_up, self.switch, self.scripts), self._nonce_secret)
            if self.crew is not None:
                self.crew.serve(self, self.neighbours, self._nonce_secret)
        self.control = Control(self, self._nonce_secret)

    @property
    def _is_recording(self) -> bool:
        return self.settings.trace.calls != "off"

    def _nonces(self) -> NonceKeeper:
        """Return what makes and judges nonces; where there are several nodes, each knows its own."""
        if self.neighbours is None:
            return NonceKeeper(self._nonce_secret)
        membership = self.neighbours.membership
        return NonceKeeper(
            self._nonce_secret, issuer=membership.name,
            others=lambda: [name for name in membership.nodes if name != membership.name],
        )  # fmt: skip

    def _shares(self) -> tuple[LimitShares, ...]:
        """Return the step that takes this node's parts of limits, where there are others that take theirs."""
        self.limit_shares: LimitShares | None = None
        if self.neighbours is None:
            return ()
        settings = self.switch.ports.settings
        last = Pipeline((self.switch, self.options, refuse_method), on_refused=self.refusals)
        self.limit_shares = LimitShares(
            self.store, self.neighbours.membership, self.call_guard, users_of(self.names, self.origins.takers),
            lambda request: settings.is_emergency("out", request.request_uri.user or ""),
            self.switch.ports.table.active, last, time.monotonic, time.time,
        )  # fmt: skip
        return (self.limit_shares,)

    def _post_guard(self) -> None:
        """Let the guard hear of what strangers do, and tell it who is none."""
        guarding, sources, providers = self.guarding, self.guarding.sources, self.origins.addresses.at
        sources.knows = is_known_to(self.people.account_at, providers)
        sources.belongs = self._belongs if self.crew is not None else self.stack.receiver.belongs
        self.stack.receiver.is_dialog = self.guarding.is_dialog = self.switch.ports.legs.__contains__
        guarding.is_of_provider = self.call_guard.is_of_provider = lambda host: bool(providers(host))
        self.call_guard.is_trunk = lambda host: any(not each.username for each in providers(host))
        guarding.is_user = self.people.is_user
        self.stack.receiver.malformed.watch = guarding.malformed
        self.refusals.on_unknown = guarding.unknown
        self.authenticator.failures.on_failure = guarding.failed
        guarding.follow()

    @property
    def is_beside_others(self) -> bool:
        """Whether other workers listen on the same ports."""
        return self.crew is not None

    def _belongs(self, data: bytes) -> bool:
        """Return whether a message belongs to something that this worker or another one has."""
        return self.stack.receiver.belongs(data) or (self.crew is not None and self.crew.belongs(data))

    def _provider_registered(self, provider_id: int, address: str | None) -> None:
        """Take note from where the calls of a provider may come, and ask it for messages."""
        self._registered_at(provider_id, address)
        self.messages_asked.registered(provider_id, address)

    def _registered(self, account_id: int) -> None:
        """Tell whoever waits for the phones of an account."""
        if account_id in self.switch.reconnects.away:
            self.switch.reconnects.registered(account_id)
        if account_id in self.notifier.table.phones:
            self.notifier.registered(account_id)

    def _why_stopped(self, provider: tuple[int, str] | None) -> str | None:
        """Return why nothing is sent to a provider any more, if it has refused our registration for good."""
        found = None if provider is None else self.store.directory.provider(*provider)
        return None if found is None else self.agent.why_stopped(found.id)


def _always(_thing: object = None) -> bool:
    return True
