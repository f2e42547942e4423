"""``sipwright provider``: third-party SIP services that a user has credentials for, and trunks.

Its options are in ``provider_options.py``, how providers are listed in ``provider_listing.py``, and the numbers that a
trunk brings in ``provider_did.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    CommandError,
    Data,
    Owner,
    ask_password,
    group,
    say,
)
from sipwright.commands.provider_did import app as did
from sipwright.commands.provider_listing import list_, show
from sipwright.commands.provider_options import (
    Account,
    AnswerWithin,
    AuthUsername,
    CallerIn,
    CallerOut,
    Calls,
    Certificate,
    CertificateKey,
    From,
    FromUri,
    Identity,
    InPlan,
    LongestCall,
    Messages,
    Name,
    NumberFormat,
    NumberIn,
    Password,
    Proxy,
    Realm,
    TlsVerify,
    Username,
    absolute,
    networks_and_uri,
)
from sipwright.commands.provider_probe import ProfileFile, probe, profile_in, try_now
from sipwright.commands.provider_rates import rates
from sipwright.store.admin.specs import ProviderChange, ProviderSpec

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.providers import ProviderView

__all__ = ["app"]

app = group("provider", "SIP services and trunks, for calls out and in.")
app.add_typer(did)
app.command("test")(try_now)
app.command()(probe)
app.command()(rates)


@app.command()
def add(
    name: Name,
    server: Annotated[
        str | None,
        typer.Option(
            "--server", metavar="HOST[:PORT]", help="Where calls are sent. [default: what --profile says]"
        ),
    ] = None,
    username: Username = None,
    password: Password = None,
    auth_username: AuthUsername = None,
    register: Annotated[bool, typer.Option("--register", help="Register there, to get calls.")] = False,
    profile: ProfileFile = None,
    account: Account = None,
    in_plan: InPlan = None,
    number_in: NumberIn = None,
    networks: From = None,
    realm: Realm = None,
    from_template: FromUri = None,
    outbound_proxy: Proxy = None,
    answer_within: AnswerWithin = None,
    longest_call: LongestCall = None,
    calls: Calls = None,
    tls_verify: TlsVerify = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
    caller_out: CallerOut = None,
    caller_in: CallerIn = None,
    number_format: NumberFormat = None,
    identity: Identity = None,
    messages: Messages = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Add a provider.

    That is a service that we have a user name at, or a trunk that knows us by our address, and that we know by --from.
    With --profile its server, how its certificate is looked at, and whether it is registered with are those that
    'sipwright provider probe' has found; what is given beside it counts more.

    TLS is spoken where its --server or --proxy ends in ";transport=tls", with who shows a certificate of that name.

    Its calls go to --account, to --in, or by number to what 'sipwright provider did add' says. Where nothing of that
    is given, the calls of one that we register with go to the owner's account of the owner's name, or else to the
    first one; 'provider show' says which, and it stays that one. All other calls of a trunk go to accounts named
    like the number, or are refused.

    A call is the provider's when it comes from its --server, its --proxy, or from a network of --from. The number that
    was dialled is in req.user of the dialplan, the name of the provider in call.provider.

    \b
    Examples:
      sipwright provider add blueface --server sip.blueface.example --username 35315551234 --register --account alice
      sipwright provider add secure --server "sip.example.net;transport=tls" --username 4930123456 --register
      sipwright provider add example --profile sip.example.net.profile.json --username 4930123456
      sipwright provider add carrier --server 203.0.113.1 --from 203.0.113.0/29 --from 198.51.100.7 --in reception
    """
    places, template = networks_and_uri(networks, from_template)
    username = username or None
    found = None if profile is None else profile_in(profile)
    if found is not None:
        register = register or (found.register and username is not None)
        server, tls_verify = server or found.server, tls_verify or (None if server else found.tls_verify)
    if server is None:
        raise typer.TyperException("Missing option '--server', or --profile FILE")
    if username is None and not places:
        raise CommandError(
            "how does it know us? give --username, or --from NETWORK for a trunk that knows us by our address"
        )
    secret = "" if username is None and password is None else ask_password(password, f"password at {server}")
    spec = ProviderSpec(
        name,
        server,
        username or "",
        secret,
        auth_username=auth_username,
        register=register,
        realm=realm,
        from_template=template,
        outbound_proxy=outbound_proxy,
        answer_within=answer_within,
        longest_call=longest_call,
        most_calls=calls,
        account=account,
        in_plan=in_plan,
        number_in=number_in,
        networks=places or (),
        tls_verify=tls_verify,
        certificate=absolute(certificate),
        certificate_key=absolute(certificate_key),
        caller_out=caller_out,
        caller_in=caller_in,
        number_format=number_format,
        identity=identity,
        messages=bool(messages),
    )

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.create(actor, spec, user=user, profile=found)

    say(f"added {with_usecases(data, work).provider}")


@app.command(name="set")
def set_(
    name: Name,
    server: Annotated[
        str | None, typer.Option("--server", metavar="HOST[:PORT]", help="Where calls are sent.")
    ] = None,
    username: Annotated[
        str | None, typer.Option("--username", metavar="U", help="Our user name there.")
    ] = None,
    password: Annotated[
        str | None, typer.Option("--password", metavar="P", help="Our password there.")
    ] = None,
    auth_username: AuthUsername = None,
    register: Annotated[
        bool | None, typer.Option("--register/--no-register", help="Whether to register there, to get calls.")
    ] = None,
    account: Account = None,
    in_plan: InPlan = None,
    number_in: NumberIn = None,
    networks: From = None,
    realm: Realm = None,
    from_template: FromUri = None,
    outbound_proxy: Proxy = None,
    answer_within: AnswerWithin = None,
    longest_call: LongestCall = None,
    calls: Calls = None,
    tls_verify: TlsVerify = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
    caller_out: CallerOut = None,
    caller_in: CallerIn = None,
    number_format: NumberFormat = None,
    identity: Identity = None,
    messages: Messages = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it may be used.")
    ] = None,
    user: Owner = None,
    data: Data = None,
) -> None:
    """Change what is given of a provider.

    An empty text takes --auth-username, --realm, --from-uri, --proxy, --certificate or --caller-out away. '--account -'
    or '--in -' takes back who takes its calls; '--from -' takes its networks away, and others take the place of all
    that were given.

    \b
    Examples:
      sipwright provider set blueface --password NEW
      sipwright provider set blueface --proxy "" --no-register
      sipwright provider set blueface --in reception --number-in to
    """
    places, template = networks_and_uri(networks, from_template)
    change = ProviderChange(
        server=server,
        username=username,
        password=password,
        auth_username=auth_username,
        register=register,
        realm=realm,
        from_template=template,
        outbound_proxy=outbound_proxy,
        answer_within=answer_within,
        longest_call=longest_call,
        most_calls=calls,
        is_enabled=enabled,
        account=account,
        in_plan=in_plan,
        number_in=number_in,
        networks=places,
        tls_verify=tls_verify,
        certificate=absolute(certificate),
        certificate_key=absolute(certificate_key),
        caller_out=caller_out,
        caller_in=caller_in,
        number_format=number_format,
        identity=identity,
        messages=messages,
    )

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.change(actor, name, change, user=user or actor.name)

    say(f"changed {with_usecases(data, work).provider}")


app.command("list")(list_)
app.command()(show)


@app.command()
def remove(name: Name, user: Owner = None, data: Data = None) -> None:
    """Remove a provider.

    \b
    Example:
      sipwright provider remove blueface
    """

    async def work(usecases: UseCases, actor: Actor) -> ProviderView:
        return await usecases.providers.remove(actor, name, user=user or actor.name)

    say(f"removed {with_usecases(data, work).provider}")
