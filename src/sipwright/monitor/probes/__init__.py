"""Probes: every part of a node is asked now and then, and either it is up, with how long it took, or lost, and why."""
