"""What it looks like on the wire: requests, events, files, rate limits."""
