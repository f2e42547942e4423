"""What people change: users, domains, accounts, providers and dialplans, and how a change is announced."""
