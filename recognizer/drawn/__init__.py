"""The drawn sample: znachki drawn by znachki itself."""
