"""The compiled trainer: chunks of epochs as XLA programs."""
