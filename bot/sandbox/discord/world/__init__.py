"""What is: servers, channels, people, messages, interactions. It knows no payload and no socket."""
