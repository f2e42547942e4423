"""Probes: every part of a node is asked now and then, and either it is up, with how long it took, or lost, and why.

A probe returns when its part is up, and raises `Lost` with the reason when it is not.
"""
