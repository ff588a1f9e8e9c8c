"""What Discord would not take."""
