"""The names of the service of 2009, for scripts that say ``from sipsorcery import sys, req``."""

from typing import Any, NamedTuple

class OldUri(NamedTuple):
    User: str
    UnescapedUser: str
    Host: str
    Text: str

class OldName(NamedTuple):
    FromName: str
    FromURI: OldUri
    ToName: str
    ToURI: OldUri

class OldHeader(NamedTuple):
    From: OldName
    To: OldName
    UserAgent: str
    ProxyReceivedFrom: str

class OldRequest(NamedTuple):
    Method: str
    URI: OldUri
    Header: OldHeader
    Body: str
    header: OldHeader
    uri: OldUri

class OldResponse(NamedTuple):
    StatusCode: int
    ReasonPhrase: str

class OldTransaction(NamedTuple):
    TransactionFinalResponse: OldResponse

class Binding(NamedTuple):
    uri: str
    source: str
    expires_in: float

class LegResult(NamedTuple):
    target: str
    status: int
    reason: str
    duration: float
    redirect: str
    audio: str

class DialResult(NamedTuple):
    answered: bool
    status: int
    reason: str
    legs: list[LegResult]
    duration: float
    redirect: str
    hung_up: bool

class Sys:
    Username: str
    Out: bool
    In: bool
    Redirect: bool
    RedirectURI: str | None
    LastDialled: list[OldTransaction]
    LastFailureStatus: int | None
    LastFailureReason: str | None
    LastFailureMessage: str | None
    DialPlanName: str
    Trace: bool
    def Dial(self, target: str, ring: float = 0, limit: float = 0) -> DialResult: ...
    def Respond(
        self, status: int, reason: str | None = None, headers: str | dict[str, str] | None = None
    ) -> None: ...
    def Log(self, *values: object) -> None: ...
    def SetFromHeader(
        self, name: str | None = None, user: str | None = None, host: str | None = None
    ) -> None: ...
    def ClearFromHeader(self) -> None: ...
    def SetCustomSIPHeader(self, name: str, value: str) -> None: ...
    def RemoveCustomSIPHeader(self, name: str) -> None: ...
    def ClearCustomSIPHeaders(self) -> None: ...
    def ENUMLookup(self, number: str) -> str | None: ...
    def WebGet(self, url: str, seconds: float = 4) -> str | None: ...
    def WebGet2(self, url: str, seconds: float = 4) -> str | None: ...
    def IsAvailable(self, user: str | None = None, domain: str | None = None) -> bool: ...
    def GetBindings(self, user: str | None = None, domain: str | None = None) -> list[Binding]: ...
    def Callback(self, a: str, b: str, delay: float = 0, ring: float = 60, ring_b: float = 60) -> str: ...
    def Email(self, to: str, subject: str, body: str, is_html: bool = False) -> bool: ...
    def DBRead(self, key: str, default: Any = None) -> Any: ...
    def DBWrite(self, key: str, value: Any) -> None: ...
    def DBDelete(self, key: str) -> bool: ...
    def DBGetKeys(self, prefix: str = "") -> list[str]: ...
    def DBReadKeys(self, prefix: str = "") -> list[str]: ...
    def SendMessage(self, to: str, text: str) -> bool: ...
    def SendRequest(
        self,
        method: str,
        dest: str,
        content_type: str,
        body: str,
        seconds: float = 8,
        user: str | None = None,
        password: str | None = None,
    ) -> bool: ...
    def GetCurrentCalls(self) -> int: ...
    def GetCurrentCallCount(self) -> int: ...
    def Wait(self, seconds: float) -> None: ...
    def PrintCustomSIPHeaders(self) -> None: ...
    def GetTimezone(self) -> str: ...
    def GetTimezoneOffsetMinutes(self) -> int: ...
    def ExtendScriptTimeout(self, seconds: float) -> None: ...
    def TurnOffAutoCleanup(self) -> None: ...
    def Cleanup(self) -> None: ...

sys: Sys
req: OldRequest
