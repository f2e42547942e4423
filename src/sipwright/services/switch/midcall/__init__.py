"""What happens while both ends talk: requests that are relayed, and whether the ends are there."""
