"""The sub-commands of `znachki`, a module a group; each reads options, calls the library and prints."""
