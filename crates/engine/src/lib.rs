//! Keyspace, commands and dispatch; no sockets, files or threads.
