"""What a person does in a client."""
