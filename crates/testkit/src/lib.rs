//! Development only: starts servers, speaks RESP, generates commands.
