"""The contract of REST, events and console: paths, methods, words and limits that other people's programs rely on."""

import pytest

from sipwright.config import Settings
from sipwright.console.commands.table import COMMANDS
from sipwright.control.events import TYPES
from sipwright.web.app import create_app

DOCUMENT = create_app(None, Settings()).openapi()
API = "/api/v1"

RESOURCES = {
    "/accounts": "GET POST", "/accounts/{name}": "GET PATCH DELETE",
    "/bindings": "GET", "/bindings/{id}": "DELETE",
    "/providers": "GET POST", "/providers/{name}": "GET PATCH DELETE", "/providers/{name}/test": "POST",
    "/dialplans": "GET", "/dialplans/{name}": "GET PUT DELETE", "/dialplans/check": "POST",
    "/dialplans/{name}/versions": "GET", "/dialplans/{name}/rollback": "POST", "/dialplans/{name}/try": "POST",
    "/dialplans/{name}/replay": "POST",
    "/calls": "GET POST", "/calls/{id}": "GET", "/calls/{id}/hangup": "POST", "/calls/{id}/transfer": "POST",
    "/calls/{id}/redirect": "POST", "/calls/{id}/pickup": "POST", "/calls/{id}/trace": "GET",
    "/cdrs": "GET", "/messages": "POST", "/store": "GET", "/store/{key}": "GET PUT DELETE",
    "/events": "GET", "/users": "GET POST", "/domains": "GET POST", "/nodes": "GET", "/audit": "GET",
    "/bans": "GET POST",
    "/me": "GET", "/me/tokens": "GET POST", "/me/sessions": "GET", "/me/password": "PUT", "/status": "GET",
}  # fmt: skip
"""Resources below the API, and their methods; more may be there."""

QUERIES = {
    "/cdrs": "from to account direction status q limit cursor",
    "/events": "types q",
    "/accounts": "limit cursor",
    "/calls": "limit cursor",
}
BODIES = {
    ("/dialplans/{name}", "put"): {"source"},
    ("/calls", "post"): {"from", "to"},
    ("/calls/{id}/transfer", "post"): {"to"},
    ("/calls/{id}/redirect", "post"): {"to"},
    ("/calls/{id}/pickup", "post"): {"by"},
}


def plain(path):
    """Return a path with its parameters unnamed."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


PATHS = {plain(path.removeprefix(API)): methods for path, methods in DOCUMENT["paths"].items()}


def schema(reference):
    return DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]


@pytest.mark.parametrize("path", RESOURCES)
def test_a_resource_is_there_with_its_methods(path):
    methods = {method.upper() for method in PATHS.get(plain(path), {})}

    assert set(RESOURCES[path].split()) - methods == set()


@pytest.mark.parametrize("path", QUERIES)
def test_a_list_takes_what_is_promised(path):
    given = {one["name"] for one in PATHS[plain(path)]["get"]["parameters"]}

    assert set(QUERIES[path].split()) - given == set()


@pytest.mark.parametrize(("path", "method"), BODIES)
def test_a_request_has_the_fields_that_are_promised(path, method):
    body = PATHS[plain(path)][method]["requestBody"]["content"]["application/json"]["schema"]

    assert BODIES[path, method] - schema(body["$ref"])["properties"].keys() == set()


def test_events_have_the_types_that_are_promised():
    promised = {
        "call.started", "call.ringing", "call.answered", "call.held", "call.ended", "script.line", "script.failed",
        "binding.added", "binding.removed", "provider.state", "security.refused", "ban.added", "node.state", "audit",
    }  # fmt: skip

    assert promised - set(TYPES) == set()


def test_the_console_has_the_commands_that_are_promised():
    promised = "calls call trace hangup bindings providers cdrs filter pause help quit"

    assert set(promised.split()) - COMMANDS.keys() == set()


def test_the_settings_are_what_is_promised():
    web, ssh = Settings().web, Settings().ssh

    assert (web.listen, web.certificate, web.key) == ("127.0.0.1:8080", "", "")
    assert (web.trusted_proxies, web.public_status, web.metrics_from) == (
        [],
        False,
        ["127.0.0.0/8", "::1/128"],
    )
    assert (ssh.listen, ssh.clients, ssh.clients_per_address) == ("127.0.0.1:2222", 20, 2)
