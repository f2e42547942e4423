"""Every module has its mirror in `tests/`, or a line here that says which test covers it instead."""

import ast
from functools import cache

import grimp
import pytest

from house.source import ROOT, TESTS, modules

ELSEWHERE = {
    "services/switch/reach/destination_routes": "services/switch/reach/test_routes",
    "services/edge/flows_elsewhere": "services/edge/test_edge",
    "node/spending_limits": "node/test_call_guard",
    "cluster/node_map": "cluster/test_membership",
    "services/agent/held": "services/agent/test_registration",
    "services/agent/absences": "services/agent/test_stopping",
    "services/agent/answers": "services/agent/test_registration",
    "services/agent/holdings": "services/agent/test_agent",
    "services/switch/midcall/cut_off": "services/switch/reach/test_reconnect",
    "services/switch/midcall/relay_rules": "services/switch/midcall/test_relay",
    "services/dialplan/execution/told": "services/dialplan/execution/test_runner",
    "services/dialplan/sandbox/inplace/operations": "services/dialplan/sandbox/inplace/test_in_place",
    "services/dialplan/sandbox/inplace/reader": "services/dialplan/sandbox/inplace/test_in_place",
    "services/dialplan/sandbox/inplace/steps": "services/dialplan/sandbox/inplace/test_in_place",
    "services/dialplan/sandbox/inplace/texts": "services/dialplan/sandbox/inplace/test_in_place",
    "services/dialplan/sandbox/inplace/expressions": "services/dialplan/sandbox/inplace/test_flow",
    "services/dialplan/sandbox/inplace/scopes": "services/dialplan/sandbox/inplace/test_flow",
    "services/switch/new_calls": "services/switch/call/test_call",
    "services/switch/call/own_call": "node/test_monitoring",
    "services/switch/call/ending_call": "services/switch/call/test_goodbye",
    "services/switch/call/leg_ports": "services/switch/call/test_call",
    "sip/transaction/sides": "sip/transaction/test_base",
    "sip/transaction/table": "sip/transaction/test_layer",
    "config/explain": "config/test_settings",
    "config/faces": "config/test_settings",
    "config/processes": "config/test_settings",
    "config/sip": "config/test_settings",
    "config/storage": "config/test_settings",
    "config/values": "config/test_settings",
    "config/watching": "config/test_settings",
    "config/dialplan": "config/test_settings",
    "config/policy": "config/test_settings",
    "control/other_nodes": "node/several/test_exchange",
    "node/followed_changes": "node/test_node",
    "node/baseline_learning": "node/test_unusual_calls",
    "node/people": "node/test_node",
    "node/several/asked": "node/several/test_exchange",
    "store/live/node_lamps": "node/several/test_shared_lamps",
    "store/live/state_news": "node/several/test_shared_states",
    "services/guard/allowance": "services/guard/test_spending",
    "store/live/guard_shares": "node/several/test_limit_shares",
    "control/doors": "commands/test_dns",
    "node/several/events_elsewhere": "node/several/test_exchange",
    "store/live/node_events": "node/several/test_exchange",
    "store/live/node_requests": "node/several/test_exchange",
    "node/alerting": "node/test_monitoring",
    "monitor/counts": "node/test_counts",
    "monitor/probes/phone": "node/test_monitoring",
    "monitor/probes/result": "monitor/probes/test_prober",
    "node/self_probes": "node/test_monitoring",
    "services/own_probes": "node/test_monitoring",
    "services/edge/signed_headers": "services/edge/test_edge",
    "services/switch/midcall/refresh": "services/switch/midcall/test_session_timer",
    "services/switch/midcall/refer_names": "services/switch/midcall/test_headers_cross",
    "web/pages/public_status": "web/pages/test_status",
    "commands/acting": "commands/test_token",
    "console/commands/bans": "console/test_listener",
    "console/commands/guard": "console/test_listener",
    "store/admin/unusual_calls": "node/test_unusual_calls",
    "store/admin/baselines": "node/test_unusual_calls",
    "web/api/unusual_calls": "web/api/test_resources",
    "web/pages/guard": "web/pages/test_site",
    "web/pages/guard_limits": "web/pages/test_site",
    "store/admin/bans": "usecases/test_bans",
    "store/admin/guard_rules": "usecases/test_guard",
    "commands/provider_rates": "commands/test_guard",
    "web/api/guard": "web/api/test_resources",
    "web/pages/bans": "web/pages/test_site",
    "commands/audit": "commands/test_token",
    "commands/bindings": "commands/test_listings",
    "commands/call": "commands/test_status",
    "commands/control": "commands/test_status",
    "commands/calls": "commands/test_listings",
    "commands/cdrs": "commands/test_listings",
    "commands/dialplan_rules": "commands/test_dialplan",
    "commands/domain": "commands/test_people",
    "commands/key": "commands/test_people",
    "commands/provider_listing": "commands/test_provider",
    "commands/provider_options": "commands/test_provider",
    "commands/account_lamps": "commands/test_account",
    "commands/provider_did": "commands/test_provider",
    "commands/provider_probe": "commands/test_provider",
    "commands/script_files": "commands/test_dialplan_try",
    "commands/testcall/rehearsal": "commands/test_call_test",
    "commands/testcall/report": "commands/testcall/test_verdicts",
    "commands/testcall/scratch": "commands/test_call_test",
    "commands/user": "commands/test_people",
    "commands/keeper": "interop/test_workers",
    "commands/worker": "interop/test_workers",
    "commands/worker_process": "commands/test_supervisor",
    "transport/lent_flow": "node/several/test_crew",
    "control/events": "control/test_client",
    "console/commands/calls": "console/test_listener",
    "console/commands/command": "console/test_listener",
    "console/commands/completion": "console/test_listener",
    "console/commands/listings": "console/test_listener",
    "console/commands/members": "console/test_listener",
    "console/commands/request": "console/test_listener",
    "console/commands/status": "console/test_listener",
    "console/commands/steering": "console/test_listener",
    "console/commands/table": "console/test_listener",
    "console/connection": "console/test_listener",
    "console/event_lines": "console/test_listener",
    "console/gate": "console/test_listener",
    "console/history": "console/test_line_editor",
    "console/keys": "console/test_line_editor",
    "console/outlet": "console/test_listener",
    "console/prompt": "console/test_listener",
    "console/session": "console/test_listener",
    "console/standing": "console/test_listener",
    "errors": "commands/test_main",
    "store/admin/script_secrets": "usecases/test_secrets",
    "usecases/listed": "console/test_listener",
    "certificate": "web/test_server",
    "faces/__main__": "commands/test_faces_process",
    "parent": "commands/test_faces_process",
    "web/api/accounts": "web/api/test_resources",
    "web/api/administration": "web/api/test_resources",
    "web/api/bans": "web/api/test_resources",
    "web/api/bindings": "web/api/test_resources",
    "web/api/calls": "web/api/test_resources",
    "web/api/cdrs": "web/api/test_resources",
    "web/api/common": "web/api/test_resources",
    "web/api/dialplans": "web/api/test_resources",
    "web/api/domains": "web/api/test_resources",
    "web/api/invites": "web/api/test_resources",
    "web/api/me": "web/api/test_resources",
    "web/api/models": "web/api/test_resources",
    "web/api/providers": "web/api/test_resources",
    "web/api/status": "web/api/test_resources",
    "web/api/store": "web/api/test_resources",
    "web/api/users": "web/api/test_resources",
    "web/connections": "web/test_server",
    "web/docs_page": "web/test_app",
    "web/errors": "web/test_app",
    "web/health": "web/test_app",
    "web/metrics": "web/api/test_resources",
    "web/openapi": "web/test_schema",
    "web/pages/account": "web/pages/test_site",
    "web/pages/account_lamps": "web/pages/test_site",
    "web/pages/accounts": "web/pages/test_site",
    "web/pages/call": "web/pages/test_site",
    "web/pages/cdr_chart": "web/pages/test_cdrs",
    "web/pages/cdr_export": "web/pages/test_cdrs",
    "web/pages/cdr_query": "web/pages/test_cdrs",
    "web/pages/charts": "web/pages/test_status",
    "web/pages/choices": "web/pages/test_site",
    "web/pages/console": "web/pages/test_site",
    "web/pages/dialplan": "web/pages/test_site",
    "web/pages/dialplan_history": "web/pages/test_site",
    "web/pages/dialplan_panels": "web/pages/test_site",
    "web/pages/dialplan_removal": "web/pages/test_site",
    "web/pages/dialplan_trials": "web/pages/test_site",
    "web/pages/dialplans": "web/pages/test_site",
    "web/pages/draft": "web/pages/test_site",
    "web/pages/elements": "web/pages/test_site",
    "web/pages/found_list": "web/pages/test_site",
    "web/pages/invites": "web/pages/test_site",
    "web/pages/layout": "web/pages/test_site",
    "web/pages/live": "web/pages/test_site",
    "web/pages/login": "web/pages/test_site",
    "web/pages/me": "web/pages/test_site",
    "web/pages/me_codes": "web/pages/test_site",
    "web/pages/me_keys": "web/pages/test_site",
    "web/pages/me_tokens": "web/pages/test_site",
    "web/pages/plain": "web/pages/test_site",
    "web/pages/pressing": "web/pages/test_presses",
    "web/pages/provider": "web/pages/test_site",
    "web/pages/provider_settings": "web/pages/test_site",
    "web/pages/providers": "web/pages/test_site",
    "web/pages/refusals": "web/pages/test_site",
    "web/pages/removal": "web/pages/test_presses",
    "web/pages/reset": "web/pages/test_site",
    "web/pages/settings": "web/pages/test_site",
    "web/pages/signs": "web/pages/test_site",
    "web/pages/signup": "web/pages/test_site",
    "web/pages/standing": "web/pages/test_site",
    "web/pages/steering": "web/pages/test_site",
    "web/pages/switchboard": "web/pages/test_site",
    "web/pages/testcall": "web/pages/test_site",
    "web/pages/user": "web/pages/test_site",
    "web/pages/users": "web/pages/test_site",
    "web/pages/visit": "web/pages/test_site",
    "web/pages/widgets": "web/pages/test_site",
    "web/visitors": "web/pages/test_door",
    "web/problems": "web/test_app",
    "web/shield": "web/test_app",
    "sdp/refusal": "services/switch/transfer/test_transfer",
    "services/agent/attempts": "services/agent/test_agent",
    "services/agent/ports": "services/agent/test_agent",
    "services/agent/unsettled": "services/agent/test_agent",
    "services/dialplan/checking/literals": "services/dialplan/checking/test_check",
    "services/dialplan/execution/execution": "services/dialplan/execution/test_runner",
    "services/dialplan/execution/ports": "services/dialplan/execution/test_runner",
    "services/dialplan/execution/record": "services/dialplan/execution/test_runner",
    "services/dialplan/execution/run_state": "services/test_state_table",
    "services/dialplan/language/arguments": "services/dialplan/language/test_call_functions",
    "services/dialplan/language/commands": "services/dialplan/execution/test_effects",
    "services/dialplan/language/function": "services/dialplan/language/test_catalogue",
    "services/dialplan/language/limits": "services/dialplan/language/test_call_functions",
    "services/dialplan/language/outside_functions": "services/dialplan/execution/test_effects",
    "services/dialplan/outside/guarded_web": "services/dialplan/outside/test_http",
    "services/dialplan/sandbox/failures": "services/dialplan/sandbox/test_activation",
    "services/dialplan/sandbox/fastpath/fallback": "services/dialplan/sandbox/fastpath/test_fast_backend",
    "services/dialplan/sandbox/fastpath/field_numbers": "services/dialplan/sandbox/fastpath/test_monty_protocol",
    "services/dialplan/sandbox/fastpath/monty_values": "services/dialplan/sandbox/fastpath/test_monty_protocol",
    "services/dialplan/sandbox/fastpath/protobuf": "services/dialplan/sandbox/fastpath/test_monty_protocol",
    "services/dialplan/sandbox/fastpath/worker": "services/dialplan/sandbox/fastpath/test_fast_activation",
    "services/dialplan/sandbox/job": "services/dialplan/sandbox/test_activation",
    "services/dialplan/sandbox/library_backend": "services/dialplan/sandbox/test_activation",
    "services/dialplan/sandbox/result": "services/dialplan/sandbox/test_activation",
    "services/journal_text": "services/dialplan/execution/test_journal",
    "services/switch/transfer/orbit": "services/switch/transfer/test_parking",
    "services/ports": "services/registrar/test_registrar",
    "node/watches": "node/test_control",
    "node/outage": "nights/test_full_disk",
    "services/rows": "services/switch/recovery/test_rows",
    "services/refusals": "node/test_refusals",
    "services/switch/call/callee": "services/switch/call/test_call",
    "services/switch/call/caller": "services/switch/call/test_call",
    "services/switch/call/leg": "services/switch/call/test_call",
    "services/switch/call/observer": "monitor/trace/test_recorder",
    "services/switch/call/ports": "services/switch/dialling/test_emergency",
    "services/switch/call/process": "services/switch/midcall/test_relay",
    "services/switch/call/script_port": "services/switch/recovery/test_recover",
    "services/switch/call/script_runner": "services/switch/transfer/test_transfer",
    "services/switch/dialling/hunt_events": "services/switch/dialling/test_hunt_machine",
    "services/switch/dialling/hunt_leg": "services/switch/dialling/test_hunt_machine",
    "services/switch/dialling/redirect_order": "services/switch/dialling/test_hunt_machine",
    "services/switch/dialling/router": "services/switch/call/test_call",
    "services/switch/midcall/late_responses": "services/switch/midcall/test_unwanted_answer",
    "services/switch/midcall/reinvite": "services/switch/transfer/test_transfer",
    "services/switch/model/stopped": "services/switch/dialling/test_unreachable",
    "services/switch/model/call_state": "services/test_state_table",
    "services/switch/model/destination": "services/switch/dialling/test_destinations",
    "services/switch/model/header_table": "services/switch/model/test_relayed",
    "services/switch/model/identity": "node/test_script_bridge",
    "services/switch/model/stored_processes": "services/switch/recovery/test_document",
    "services/switch/switch": "services/switch/call/test_call",
    "services/switch/transfer/moved_leg": "services/switch/transfer/test_transfer",
    "services/switch/transfer/refer_notify": "services/switch/transfer/test_transfer",
    "services/switch/transfer/replaces": "services/switch/transfer/test_takeover",
    "services/switch/transfer/stage": "services/test_state_table",
    "services/switch/transfer/target_call": "services/switch/transfer/test_transfer",
    "store/admin/dialplan_pages": "usecases/test_dialplans",
    "store/admin/in_use": "store/admin/test_providers",
    "store/admin/networks": "store/admin/test_providers",
    "store/admin/provider_numbers": "store/admin/test_providers",
    "store/admin/takers": "store/live/test_registration_leases",
    "store/admin/changes": "store/live/test_directory",
    "store/admin/specs": "store/admin/test_providers",
    "store/errors": "store/admin/test_accounts",
    "store/live/ended_legs": "node/test_recorded_legs",
    "store/history/placed": "node/test_call_control",
    "store/history/runs": "interop/test_dialplans",
    "store/schema/entities": "store/admin/test_accounts",
    "store/schema/names": "store/admin/test_accounts",
    "store/schema/guard_tables": "store/test_migrations",
    "store/schema/people_tables": "store/test_migrations",
    "store/schema/rows": "store/writing/test_writer",
    "store/schema/tables": "store/test_migrations",
    "store/schema/watching_tables": "store/writing/test_writer",
    "store/writing/statements": "store/writing/test_log_applier",
    "store/live/left_rows": "store/writing/test_waiting_log",
    "store/writing/mariadb_committer": "store/writing/test_server_committer",
    "store/writing/postgres_committer": "store/writing/test_server_committer",
    "store/writing/session": "store/writing/test_server_committer",
    "store/database/mariadb": "store/database/test_server",
    "store/database/mariadb_schema": "store/database/test_server",
    "store/database/postgres": "store/database/test_server",
    "store/database/sqlite": "store/database/test_database",
    "store/database/urls": "store/database/test_database",
    "store/dialects/dialect": "store/live/test_leases",
    "store/dialects/mariadb": "store/database/test_server",
    "store/dialects/postgresql": "store/database/test_server",
    "store/dialects/sqlite": "store/database/test_server",
    "testing/plans": "testing/test_in_plans",
    "testing/result": "testing/test_stage",
    "testing/scene": "testing/test_replay",
    "store/admin/account_pages": "usecases/test_accounts",
    "store/history/binding_pages": "usecases/test_bindings",
    "store/history/call_pages": "usecases/test_calls",
    "store/history/cdr_pages": "usecases/test_cdrs",
    "store/history/paging": "usecases/test_accounts",
    "store/history/value_pages": "usecases/test_values",
    "store/admin/provider_profiles": "node/test_profile_checks",
    "transport/certificate_look": "services/probing/test_probe",
    "transport/domain_records": "services/probing/test_probe",
    "transport/query_line": "services/probing/test_probe",
    "transport/web_socket": "transport/test_ws",
    "transport/ws_handed": "web/test_sip_door",
    "transport/base": "transport/test_memory",
    "transport/tcp_connection": "transport/test_tcp",
    "transport/tcp_limits": "transport/test_tcp",
    "transport/tls_connection": "transport/test_tls",
    "transport/ws_connection": "transport/test_ws",
    "usecases/whose": "usecases/test_accounts",
    "usecases/dialplan_checks": "usecases/test_dialplans",
    "usecases/dialplan_history": "usecases/test_dialplans",
    "usecases/dialplan_views": "usecases/test_dialplans",
    "usecases/rehearsals": "usecases/test_dialplans",
    "usecases/replayed_calls": "usecases/test_dialplans",
    "usecases/tried_calls": "usecases/test_dialplans",
    "usecases/etags": "usecases/test_accounts",
    "usecases/messages_waiting": "usecases/test_accounts",
    "usecases/watching": "usecases/test_accounts",
    "usecases/provider_views": "usecases/test_providers",
    "usecases/actor": "usecases/test_usecases",
    "store/admin/api_tokens": "usecases/test_tokens",
    "store/admin/invites": "usecases/test_signup",
    "store/admin/public_keys": "usecases/test_keys",
    "store/admin/second_factors": "usecases/test_login",
    "store/admin/sessions": "usecases/test_login",
    "store/admin/throttles": "usecases/test_login",
    "usecases/gate": "usecases/test_login",
    "usecases/half_session": "usecases/test_login",
    "usecases/issued": "usecases/test_login",
    "usecases/passwords": "usecases/test_login",
    "usecases/second_factor": "usecases/test_login",
    "node/messages_waiting": "services/notifier/test_message_summary",
    "sdp/silence": "services/switch/transfer/test_pickup",
    "node/call_watches": "node/test_dialog_watch",
    "node/clock_watch": "nights/test_clock",
    "node/last_steps": "node/test_node",
    "services/notifier/dialog_info": "node/test_dialog_watch",
    "services/notifier/document": "node/test_dialog_watch",
    "services/notifier/ports": "services/notifier/test_notifier",
    "services/notifier/publisher": "services/notifier/test_presence",
    "services/notifier/reg_info": "services/notifier/test_presence",
    "services/notifier/records": "services/notifier/test_notifier",
    "services/notifier/rights": "services/notifier/test_notifier",
    "services/notifier/subscribe": "services/notifier/test_notifier",
    "services/notifier/subscriber": "services/notifier/test_notifier",
    "services/notifier/subscriber_table": "services/notifier/test_notifier",
    "services/notifier/teller": "services/notifier/test_notifier",
    "usecases/throttle": "usecases/test_login",
    "usecases/visitor": "usecases/test_login",
    "usecases/sessions": "usecases/test_me",
    "usecases/public_key": "usecases/test_keys",
    "usecases/invites": "usecases/test_signup",
    "usecases/audit": "usecases/test_users",
    "usecases/call_states": "usecases/test_calls",
    "usecases/repeats": "usecases/test_calls",
    "cluster/ports": "cluster/test_membership",
    "commands/account_csv": "commands/test_account",
    "commands/node": "interop/test_two_nodes",
    "services/edge/ports": "services/edge/test_edge",
    "store/live/binding_news": "node/several/test_shared_bindings",
    "node/several/neighbours": "interop/test_two_nodes",
    "node/several/joining": "interop/test_two_nodes",
    "node/wiring": "node/test_node",
    "services/switch/dialling/launch": "services/switch/dialling/test_several_servers",
    "services/leases": "store/live/test_leases",
    "store/schema/cluster_tables": "store/live/test_node_register",
}
"""Which test covers a module that has no mirror. What Alembic loads by itself is covered by `store/test_migrations`."""

STORIES = {
    "services/switch/dialling/test_numbers": "numbers dialled by URIs of their own, from phone to trunk",
    "services/agent/test_several_nodes": "nodes that die and come back, as a provider sees them",
    "web/test_odd_values": "odd values in every field and parameter of REST",
    "web/test_contract": "what REST, events and console promise to other programs",
    "services/switch/reach/test_flows": "phones with several flows, from hunt to registrar",
    "services/switch/reach/test_said_again": "what is said once more to a phone that has moved, from call to edge",
    "services/switch/dialling/test_several_servers": "providers with several servers, from hunt to stack",
    "sip/test_parser_native": "the native part of the parser beside the one in Python",
    "test_package": "the Debian package, as it is built",
    "test_computing": "the clock with which tests see how long something takes",
    "monitor/test_night": "a node and a watch from outside, while the network is away",
    "services/switch/call/test_expiry": "invitations that say for how long they are valid, from caller to callee",
    "services/switch/call/test_goodbye": "calls that end before an offer is answered, and all of a BYE",
    "commands/test_hostile_text": "what strangers have said, in every command and in the log",
    "services/switch/midcall/test_headers_cross": "headers that cross a call, in whatever message",
    "services/switch/midcall/test_store_away": "what is asked in calls while nothing can be stored",
    "services/switch/dialling/test_who_calls": "what providers are told of callers, and tell",
    "services/switch/test_policy": "what the policy forbids in calls and texts",
    "services/dialplan/execution/test_chance": "random numbers, the same after a restart",
    "services/dialplan/sandbox/test_linked": "scripts that import other dialplans, in a worker",
    "services/switch/reach/test_own_network": "peers and scripts that lead us into our own network",
    "services/switch/test_hostile": "peers that mean no good, against the whole switch",
    "stack/test_loss": "a network that loses, repeats and reorders",
    "stack/test_ticker": "the timers of transactions, on a whole stack",
    "services/switch/call/test_timers": "the timers of many entities, on one heap",
    "stack/test_malformed": "messages that cannot be read, against the whole stack",
    "stack/test_sockets": "the stack on real sockets",
    "services/agent/test_stopping": "when nobody is asked any more, over timing, registration and agent",
    "services/agent/test_service_route": "the proxies that a registrar names, over registration, attempts and agent",
    "services/registrar/test_outbound": "phones with several flows, from REGISTER to call",
    "services/switch/dialling/test_sips": "what a sips URI promises, over routing, legs and Contacts",
    "console/test_beside_calls": "strangers at the console and at the pages of a switch that carries calls",
    "web/test_events_happen": "every event, made to happen on a switch and read over REST and SSH",
    "web/test_event_readers": "readers who come back, are slow, never read, or are a thousand",
    "web/test_typescript": "a client that is made of the OpenAPI document, with a switch",
    "usecases/test_walls": "who may do what, over all methods of all use cases of things",
    "test_makefile": "what `make` chooses",
    "web/pages/test_bad_days": "the pages on bad days, in a real browser",
    "web/pages/test_contract": "what is promised of every page",
    "web/pages/test_journeys": "what people see and do on the pages, in a real browser",
    "web/pages/test_people": "the door and /me, in a real browser",
    "web/pages/test_presses": "buttons and keys that are pressed more than once",
    "web/test_doors": "every route, and who may not come in there",
    "web/test_schema": "every answer of REST beside its document",
}
"""The tests beside the mirrors that are about no one module."""

WITHOUT_MIRROR = (
    "benchmarks",
    "chaos",
    "docs",
    "fuzz",
    "golden",
    "house",
    "interop",
    "nights",
    "scenarios",
    "torture",
    "walks",
)
"""The folders of tests that do not mirror the source."""


def own_modules():
    """The modules that somebody has to test: all but the lists of names in `__init__` and what Alembic loads."""
    return [
        name
        for name in modules()
        if not name.endswith("__init__") and not name.startswith("store/migrations/")
    ]


def mirror_of(module):
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name.strip('_')}".lstrip("/")


def exists(test):
    return (TESTS / f"{test}.py").exists()


def test_every_module_has_its_mirror_or_a_line_that_says_who_covers_it():
    assert [name for name in own_modules() if not exists(mirror_of(name)) and name not in ELSEWHERE] == []


def test_a_line_is_only_there_for_a_module_without_mirror():
    assert [name for name in ELSEWHERE if name not in own_modules() or exists(mirror_of(name))] == []


def test_every_test_mirrors_a_module_or_tells_a_story():
    mirrors = {mirror_of(name) for name in own_modules()} | set(ELSEWHERE.values()) | set(STORIES)
    tests = [str(path.relative_to(TESTS).with_suffix("")) for path in TESTS.rglob("test_*.py")]

    assert [
        name for name in tests if name.partition("/")[0] not in WITHOUT_MIRROR and name not in mirrors
    ] == []
    assert [name for name in STORIES if name not in tests] == []


@pytest.mark.parametrize("module", ELSEWHERE)
def test_the_test_that_covers_a_module_reaches_it(module):
    test = ELSEWHERE[module]

    assert exists(test)
    assert f"sipwright.{module.replace('/', '.')}" in reached_by(test)


@cache
def imports():
    return grimp.build_graph("sipwright", cache_dir=None)


@cache
def reached_by(test):
    """The modules that a test imports, itself or through its fixtures and helpers, and what those import in turn."""
    found = set()
    for name in imported_by(TESTS / f"{test}.py"):
        if name in imports().modules:
            found |= {name} | imports().find_upstream_modules(name)
    return found


def imported_by(path, seen=None):
    """What a file of tests imports, by itself or through other files of tests: modules, and names in them.

    The fixtures of all tests are left out: they start the whole switch as a process.
    """
    seen = {TESTS / "conftest.py"} if seen is None else seen
    if path in seen or not path.exists():
        return set()
    seen.add(path)
    found = set()
    package = path.relative_to(TESTS).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    for name in tuple(found):
        inside = TESTS / name.replace(".", "/")
        found |= imported_by(inside.with_suffix(".py"), seen) | imported_by(inside / "__init__.py", seen)
    for folder in path.relative_to(ROOT).parents:
        found |= imported_by(ROOT / folder / "conftest.py", seen)
    return found
