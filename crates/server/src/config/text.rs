//! Checks of directives whose value is text, and defaults that depend on the machine.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStringExt;

use super::kind::Refusal;

/// As many threads as `io-threads` may ask for.
const IO_THREADS_MAX: usize = 128;

/// A longer host name would not fit the messages of the cluster bus.
const HOST_NAME_LEN_MAX: usize = 255;

/// Accepts every text.
pub(super) fn any(_: &[u8]) -> Result<(), Refusal> {
    Ok(())
}

pub(super) fn append_only_file(text: &[u8]) -> Result<(), Refusal> {
    match text {
        [] => Err("appendfilename can't be empty".into()),
        _ if is_path(text) => Err("appendfilename can't be a path, just a filename".into()),
        _ => Ok(()),
    }
}

pub(super) fn append_only_directory(text: &[u8]) -> Result<(), Refusal> {
    match text {
        [] => Err("appenddirname can't be empty".into()),
        _ if is_path(text) => Err("appenddirname can't be a path, just a dirname".into()),
        _ => Ok(()),
    }
}

pub(super) fn snapshot_file(text: &[u8]) -> Result<(), Refusal> {
    if is_path(text) { Err("dbfilename can't be a path, just a filename".into()) } else { Ok(()) }
}

fn is_path(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'/' | b'\\'))
}

pub(super) fn host_name(text: &[u8]) -> Result<(), Refusal> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if text.len() > HOST_NAME_LEN_MAX {
        Err("Hostnames must be less than 256 characters".into())
    } else if text.iter().all(allowed) {
        Ok(())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
    }
}

pub(super) fn node_name(text: &[u8]) -> Result<(), Refusal> {
    if text.iter().any(|byte| b"!#$%&()*+:;<>?@[]^{|}~".contains(byte)) {
        Err("Announced human node name contained invalid character".into())
    } else {
        Ok(())
    }
}

pub(super) fn ipv4_address(text: &[u8]) -> Result<(), Refusal> {
    if is_empty_or::<Ipv4Addr>(text) { Ok(()) } else { Err("Invalid IPv4 address".into()) }
}

pub(super) fn ipv6_address(text: &[u8]) -> Result<(), Refusal> {
    if is_empty_or::<Ipv6Addr>(text) { Ok(()) } else { Err("Invalid IPv6 address".into()) }
}

fn is_empty_or<T: std::str::FromStr>(text: &[u8]) -> bool {
    text.is_empty() || std::str::from_utf8(text).is_ok_and(|text| text.parse::<T>().is_ok())
}

/// The variables that a process title may contain, each in braces.
const TITLE_VARIABLES: &[&str] =
    &["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];

pub(super) fn process_title(template: &[u8]) -> Result<(), Refusal> {
    if !template.is_empty() && has_known_variables(template) {
        Ok(())
    } else {
        Err("template format is invalid or contains unknown variables".into())
    }
}

/// Whether every opening brace starts a variable that is known, or is one of two that stand for a brace.
fn has_known_variables(mut template: &[u8]) -> bool {
    while let Some(brace) = template.iter().position(|&byte| byte == b'{') {
        let rest = &template[brace + 1..];
        if let Some(after) = rest.strip_prefix(b"{") {
            template = after;
            continue;
        }
        let Some(end) = rest.iter().position(|&byte| byte == b'}') else { return false };
        if !TITLE_VARIABLES.iter().any(|variable| variable.as_bytes() == &rest[..end]) {
            return false;
        }
        template = &rest[end + 1..];
    }
    true
}

pub(super) fn computed_io_threads() -> Vec<u8> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    processors.min(IO_THREADS_MAX).to_string().into_bytes()
}

pub(super) fn computed_directory() -> Vec<u8> {
    std::env::current_dir().map_or_else(|_| b"/".to_vec(), |path| path.into_os_string().into_vec())
}
