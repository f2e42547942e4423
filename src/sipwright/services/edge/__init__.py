"""The edge: what gets to the phones of this node from other nodes, and back."""

from sipwright.services.edge.edge import Edge
from sipwright.services.edge.ports import Peers

__all__ = ["Edge", "Peers"]
