//! Who this program is, in the places where tools look for it.

/// The program's name in the log and in error messages.
pub(crate) const NAME: &str = "Nuthatch";

/// The program's own version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of Redis that it behaves like, which client libraries ask for to learn what they may use.
pub(crate) const COMPATIBLE_VERSION: &str = "8.0.6";

/// What `--version` prints, in the layout that scripts take apart.
pub(crate) fn version_line() -> String {
    let bits = usize::BITS;
    format!(
        "{NAME} server v={VERSION} sha=00000000:0 malloc=jemalloc bits={bits} build=0 redis={COMPATIBLE_VERSION}"
    )
}

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Usage: nuthatch [/path/to/redis.conf] [options] [-]
       nuthatch - (read config from stdin)
       nuthatch -v or --version
       nuthatch -h or --help
       nuthatch check-rdb <rdb-file-name>
       nuthatch check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>

Examples:
       nuthatch (run the server with default conf)
       echo 'maxmemory 128mb' | nuthatch -
       nuthatch /etc/redis/6379.conf
       nuthatch --port 7777
       nuthatch --port 7777 --replicaof 127.0.0.1 8888
       nuthatch /etc/myredis.conf --loglevel verbose -
       nuthatch /etc/myredis.conf --loglevel verbose
";
