"""The networks, their training and their use. Nothing lives here yet."""
