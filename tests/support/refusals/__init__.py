"""What the stand-in for Discord refuses, by subject: one bare request for each reason."""
