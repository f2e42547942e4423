"""The parts of a node: the only place where everything is wired together.

Read `Wiring.__init__` from top to bottom to see what stands on what; the order of the pipeline's steps is the
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
    Share,
    Switch,
    SwitchSettings,
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
from .account_loader import AccountLoader
from .baseline_learning import BaselineLearning
from .call_guard import CallGuard
from .call_watches import BindingWatches, CallWatches
from .clock_watch import ClockWatch
from .collector import Collector
from .control import Control
from .dialog_watch import DialogWatch
from .followed_changes import FollowedChanges
from .guarding import Guarding, is_known_to
from .keep_alives import KeepAlives
from .known_places import KnownPlaces
from .last_steps import answer_options, refuse_method
from .messages_asked import MessagesAsked
from .messages_waiting import MessagesWaiting
from .monitoring import Monitoring
from .outage import Outage
from .own_limits import DirectoryLimits
from .people import People
from .profile_checks import ProfileChecks
from .provider_states import ProviderStates
from .refusals import Refusals
from .registration_watch import RegistrationWatch
from .script_bridge import Scripts
from .served_names import ServedNames
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
        loop = asyncio.get_running_loop()
        sip = settings.sip
        self.settings = settings
        self.store = store
        self.neighbours = neighbours
        self.crew = crew
        token = TimedTokens().__call__ if neighbours is None else neighbours.token()
        # Deadlines are stored by the one, nonces made by the other, which is not even set when nobody looks.
        self.clock = SteadyClock.found(clock_file(settings.key_file))
        clock = self.clock.__call__  # the method, as that is called in half the time
        tap = Tap(clock)
        self.guarding = Guarding(settings.guard, store, time.monotonic)
        transports = make_transports(settings, loop.call_soon, self.guarding.sources)
        dns_server = None if sip.dns is None else listen_address(sip.dns)
        self.recorder = Recorder(
            tap, store.writer, settings.trace.calls, call_later=loop.call_later, clock=clock
        )
        is_recording = settings.trace.calls != "off"
        self.refusals = Refusals(store, self.recorder, unix_time=clock)
        self.pipeline = Pipeline(on_refused=self.refusals)
        self.locations = LocationTable(is_gone=lambda source: self.stack.outbound.is_gone(source))
        self.people = People(store.directory, self.locations)
        self.known_places = KnownPlaces(store.directory, self.locations, lambda: self.stack, time.monotonic)
        self.stack = Stack(
            transports, self.pipeline, public_address=sip.public_address,
            random_token=None if crew is None or neighbours is None else neighbours.branches(),
            resolver=Resolver(
                server=dns_server, transports=[name for name in ("udp", "tcp", "tls") if name != "tls" or sip.tls]
            ),
            networks=networks(sip.networks), is_known=self.known_places, tap=tap,
            on_stray_response=lambda response, flow: self.switch.late_response(response, flow),
            on_absorbed_ack=self.recorder.acknowledged if is_recording else None,
        )  # fmt: skip

        rendezvous = Rendezvous(time.monotonic)
        self.stun = StunServer(settings.stun.addresses if settings.worker <= 1 else (), time.monotonic)
        self.stun.on_named = rendezvous.note
        for transport in self.stack.transports:
            transport.on_stun = self.stun.answer
        self.names = ServedNames(store.directory, self.stack)
        authenticator = self.authenticator = Authenticator(
            self.names, self._nonces(nonce_secret), unix_time=SteadyClock(self.clock.offset),
            flow_keys=self.locations.flow_keys,
        )  # fmt: skip
        self.scripts = Scripts(
            settings.dialplan, store, self.locations, lambda: self.switch, node=settings.node, clock=clock,
            mail=MailSettings(**settings.mail.model_dump()), is_own_host=self.stack.addresses.is_own_host,
            dns_server=dns_server,
        )  # fmt: skip
        origins = self.origins = Origins(self.names, self.stack, accepts_anyone=sip.accept == "anyone")
        router = Router(self.names, authenticator, origins, domain_at=self.people.domain_at)
        destinations = Destinations(
            self.names, self.locations, router.find, time.monotonic, sip.answer_within
        )
        self.unusual_calls = UnusualCalls(settings, store, time.time)
        self.learning = BaselineLearning(
            settings, store, time.time, _always if neighbours is None else neighbours.learns_of
        )
        self.scripts.effects.confirm_call = self.unusual_calls.confirm
        self.call_guard = CallGuard(
            settings.guard,
            store.directory,
            store.writer,
            settings.node,
            time.monotonic,
            time.time,
            self.unusual_calls,
        )
        self.switch = Switch(
            self.stack, router, destinations, store.writer,
            SwitchSettings(
                public_address=sip.public_address, longest_call=sip.longest_call, probe=sip.probe,
                session_expires=sip.session_expires, min_se=sip.min_se,
                seen_at=rendezvous.find, calls_per_account=sip.calls_per_account, emergency=frozenset(sip.emergency),
            ),
            node=settings.node, clock=time.monotonic, wall_clock=clock, call_later=self.stack.call_later,
            token=token, scripts=self.scripts, observer=self.recorder if is_recording else None,
            is_store_away=lambda: store.writer.is_away,
            most_from=self._most_from, runs_on=self.scripts.runs_on, own_limits=DirectoryLimits(store.directory),
            why_no_run=self.scripts.why_no_run,
            why_stopped=self._why_stopped,
            may_pick_up=self.people.may_pick_up, guard=self.call_guard,
        )  # fmt: skip
        named_writer = (
            store.writer if neighbours is None else neighbours.writer(store.writer, self.locations, clock)
        )
        self.location_service = LocationService(
            self.locations, named_writer, unix_time=clock, on_registered=self._registered
        )
        self.registrar = Registrar(
            self.names, authenticator, self.location_service, most_bindings=sip.max_bindings,
            lifetimes=Lifetimes(sip.min_expires, sip.max_expires, sip.nat_expires),
        )  # fmt: skip
        self.call_watches = CallWatches(lambda watch: setattr(self.switch.ports, "watch", watch))
        self.binding_watches = BindingWatches(lambda watch: setattr(self.location_service, "watch", watch))
        self.dialog_watch = DialogWatch(
            self.switch.calls.values,
            lambda is_used: self.call_watches.set("dialogs", self.dialog_watch if is_used else None),
        )
        self.summaries = MessageSummary(named_writer, clock)
        self.accounts = AccountFetcher(store)
        self.messages_asked = MessagesAsked(store.directory, self.switch)
        self.messages_waiting = MessagesWaiting(
            self.summaries, lambda: self.notifier, origins.addresses.at, self.messages_asked.over
        )
        self._registered_at = origins.addresses.registered if crew is None else crew.provider_registered
        self.scripts.effects.messages_waiting = self.messages_waiting.put
        self.registrations = RegistrationWatch(
            named_writer, clock, self.locations,
            lambda is_used: self.binding_watches.set("phones", self.registrations if is_used else None),
        )  # fmt: skip
        notifier_ports = NotifierPorts(
            node=settings.node, stack=self.stack, directory=self.names, authenticator=authenticator,
            locations=self.locations, writer=store.writer, clock=time.monotonic, unix_time=clock,
            call_later=self.stack.call_later, token=token,
            rights_of=self.people.rights_of, policy=settings.policy.as_policy(), fetch=self.accounts,
        )  # fmt: skip
        presence = self.registrations.presence
        packages = (self.dialog_watch, self.summaries, presence, self.registrations.reg_info)
        self.notifier = Notifier(notifier_ports, packages)
        self.dialog_watch.notifier = self.registrations.notifier = self.notifier
        self.publisher = Publisher(notifier_ports, self.notifier, presence)
        self.agent = Agent(
            self.stack,
            store.directory,
            store.writer,
            Registrations(store.database),
            node=settings.node,
            wall_clock=clock,
            servers=self.switch.servers,
            on_registered=self._provider_registered,
            may_act=_always if neighbours is None else neighbours.membership.may_act,
            is_share=None if neighbours is None else neighbours.is_share,
        )
        self.switch.servers.on_back = self.agent.server_is_back
        self.provider_states = ProviderStates(
            store, self.switch.servers, settings.node, clock=time.monotonic, unix_time=clock
        )

        self.keep_alives = KeepAlives(store, self.stack, self.locations, sip.keep_alive, time.monotonic)
        self.profile_checks = ProfileChecks(
            store, self.stack, believed_certificates(settings), unix_time=time.time, dns=dns_server
        )

        # The one thing that is given late: a step sends through the stack, which offers it what comes in.
        self.outage = Outage(
            settings.key_file.parent,
            store.writer,
            self.switch.store_is_away,
            self.recorder,
            self.refusals,
            DatabaseFile(settings.database_url).displaced,
        )
        self.options = answer_options
        if not sip.session_expires:
            self.options = partial(answer_options, told=Switch.told_without_timer)
        steps: tuple[Step, ...] = (
            self.outage,
            self.registrar,
            self.notifier,
            self.publisher,
            self.messages_waiting,
            *self._shares(neighbours),
            self.switch,
            self.options,
            refuse_method,
        )
        self.pipeline.steps = (
            self.guarding,
            DialledNumbers(self.names, self.switch.ports.settings.help, self.people.domain_at),
            refuse_unknown,
            AccountLoader(
                store,
                self.names,
                origins.takers,
                Pipeline(steps, on_refused=self.refusals),
                watching=self.notifier.accounts_of,
            ),
            *steps,
        )
        self.quick_way = QuickWay(
            self.stack, self.registrar, store.directory, self.pipeline.refuse, is_scanner=program_of_scanner
        )  # fmt: skip
        self.stack.receiver.quick_way = self.quick_way.__call__
        store.directory.listeners.append(FollowedChanges(self))
        self._post_guard()
        self.collector = Collector(lambda: self.stack.messages)
        self.clock_watch = ClockWatch(
            self.clock, clock_file(settings.key_file), self.stack, store,
            has_deadlines=lambda: bool(self.switch.calls) or not self.scripts.executions.is_idle,
            on_followed=presence.follow_clock,
        )  # fmt: skip
        self.monitoring = Monitoring(self, lambda: len(self.control.events))
        if neighbours is not None:
            neighbours.serve(self, partial(take_up, self.switch, self.scripts), nonce_secret)
            if crew is not None:
                crew.serve(self, neighbours, nonce_secret)
        self.control = Control(self, nonce_secret)

    def _nonces(self, secret: bytes) -> NonceKeeper:
        """Return what makes and judges nonces; where there are several nodes, each knows its own."""
        if self.neighbours is None:
            return NonceKeeper(secret)
        membership = self.neighbours.membership
        return NonceKeeper(
            secret, issuer=membership.name,
            others=lambda: [name for name in membership.nodes if name != membership.name],
        )  # fmt: skip

    def _shares(self, neighbours: Neighbours | None) -> tuple[LimitShares, ...]:
        """Return the step that takes this node's parts of limits, where there are others that take theirs."""
        self.limit_shares: LimitShares | None = None
        if neighbours is None:
            return ()
        settings = self.switch.ports.settings
        last = Pipeline((self.switch, self.options, refuse_method), on_refused=self.refusals)
        self.limit_shares = LimitShares(
            self.store, neighbours.membership, self.call_guard, users_of(self.names, self.origins.takers),
            lambda request: settings.is_emergency("out", request.request_uri.user or ""),
            self.switch.ports.active_calls, last, time.monotonic, time.time,
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

    def _most_from(self, user_id: int, source: str) -> Share:
        """Return what calls from one address may have of a user's runs: a tenth.

        A provider of the user may use all of them.
        """
        limits = self.scripts.user_limits(user_id)
        there = self.origins.addresses.at(source)
        if there and any(one.user_id == user_id for one in there):
            return Share(limits.runs, limits.runs_per_minute)
        return Share(max(1, limits.runs // 10), max(1, limits.runs_per_minute // 10))


def _always(_thing: object = None) -> bool:
    return True
