"""What people change: users, domains, accounts, providers and dialplans, and how a change is announced.

What cannot be done is a `StoreError`, which says what is wrong: a `NotFoundError`, an `AlreadyExistsError`, an
`InUseError`.
"""
