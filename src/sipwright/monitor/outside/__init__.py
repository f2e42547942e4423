"""The outside watcher: a process on another machine that asks servers whether they are there, and alerts."""
