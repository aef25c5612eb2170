"""The services of the protocol, each thin: a message to values, a decision elsewhere, values to a message."""
