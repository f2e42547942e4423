"""Finding out what a provider can do, before anybody relies on it: its servers, transports, certificate and habits."""

from .probe import Credentials, Probe
from .profile import (
    FORMAT,
    Authentication,
    Expiry,
    Habits,
    Profile,
    ProfileError,
    Reached,
    drift,
    read_profile,
)

__all__ = [
    "FORMAT",
    "Authentication",
    "Credentials",
    "Expiry",
    "Habits",
    "Probe",
    "Profile",
    "ProfileError",
    "Reached",
    "drift",
    "read_profile",
]
