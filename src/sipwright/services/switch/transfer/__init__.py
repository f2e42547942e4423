"""Ends that change: transfers, takeovers, and calls that the switch makes between two others."""
