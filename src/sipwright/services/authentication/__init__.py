"""Who sent a request: digest challenges and their answers (RFC 3261 §22), and the log line on wrong ones."""

from sipwright.services.authentication.authenticator import NOT_CHECKED, Authenticator

__all__ = ["NOT_CHECKED", "Authenticator"]
