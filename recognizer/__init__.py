"""znachki: from a photo of a pin to its catalogue number."""
