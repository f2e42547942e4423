"""What scripts reach of the world outside SIP: the web, the DNS for phone numbers, mail."""

from .enum import EnumLookup, choose
from .http import HttpClient
from .mail import Mailer, MailSettings

__all__ = ["EnumLookup", "HttpClient", "MailSettings", "Mailer", "choose"]
