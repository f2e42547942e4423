"""What the platform does: one package per service; none knows another."""
