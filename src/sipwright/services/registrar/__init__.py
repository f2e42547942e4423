"""The registrar: REGISTER requests in, and out of them where every phone can be reached (RFC 3261 §10)."""

from sipwright.services.registrar.bindings import Binding
from sipwright.services.registrar.contacts import Lifetimes
from sipwright.services.registrar.location import LocationTable
from sipwright.services.registrar.location_service import BindingWatch, LocationService, RegistrarSnapshot
from sipwright.services.registrar.quick import QuickWay
from sipwright.services.registrar.registrar import Registrar

__all__ = [
    "Binding",
    "BindingWatch",
    "Lifetimes",
    "LocationService",
    "LocationTable",
    "QuickWay",
    "Registrar",
    "RegistrarSnapshot",
]
