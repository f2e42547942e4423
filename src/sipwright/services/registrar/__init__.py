"""The registrar: REGISTER requests in, and out of them where every phone can be reached (RFC 3261 §10)."""

from sipwright.services.registrar.bindings import Binding
from sipwright.services.registrar.contacts import Lifetimes
from sipwright.services.registrar.location import LocationTable
from sipwright.services.registrar.quick import QuickWay
from sipwright.services.registrar.registrar import BindingWatch, Registrar, RegistrarSnapshot

__all__ = [
    "Binding",
    "BindingWatch",
    "Lifetimes",
    "LocationTable",
    "QuickWay",
    "Registrar",
    "RegistrarSnapshot",
]
