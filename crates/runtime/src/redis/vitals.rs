//! How a Redis server is: what INFO tells of it, as far as operators look at it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use fred::{clients::Client, interfaces::ClientLike, types::CustomCommand};

use super::RedisError;

/// A Redis server at a moment. What it does not tell is zero or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedisVitals {
    /// How long it took to tell all this.
    pub latency: Duration,
    /// `7.0.15`
    pub version: String,
    /// Since its start.
    pub uptime_s: u64,
    /// Bytes of data.
    pub used_bytes: u64,
    /// Bytes that it may use; 0: as many as there are.
    pub max_bytes: u64,
    /// What it does when they are used up; jobs are safe with `noeviction` only.
    pub eviction_policy: String,
    /// Bytes that the system gave it.
    pub resident_bytes: u64,
    /// Connections to it.
    pub clients: u64,
    /// Commands a second, lately.
    pub commands_per_s: u64,
    /// Keys in all databases.
    pub keys: u64,
    /// `master` or `slave`.
    pub role: String,
    /// Replicas of it that are connected.
    pub replicas: u64,
    /// Of a replica: whether it hears its master.
    pub master_is_up: Option<bool>,
    /// Whether each write is noted in a file that survives a restart.
    pub append_only: bool,
    /// Bytes of that file.
    pub append_only_bytes: u64,
    /// Whether the last write to disk went wrong.
    pub persistence_failed: bool,
}

/// Asks a server how it is.
pub async fn vitals(client: &Client) -> Result<RedisVitals, RedisError> {
    let info = CustomCommand::new_static("INFO", None::<u16>, false);
    let began = Instant::now();
    let text: String = client
        .custom(info, Vec::<String>::new())
        .await
        .map_err(RedisError::Ping)?;
    Ok(RedisVitals {
        latency: began.elapsed(),
        ..read(&text)
    })
}

fn read(info: &str) -> RedisVitals {
    let fields: HashMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .collect();
    let text = |name: &str| fields.get(name).copied().unwrap_or_default();
    let number = |name: &str| text(name).parse::<u64>().unwrap_or_default();
    // `db0:keys=12,expires=3,avg_ttl=0`
    let keys = fields
        .iter()
        .filter(|(name, _)| {
            name.strip_prefix("db")
                .is_some_and(|number| number.parse::<u16>().is_ok())
        })
        .filter_map(|(_, value)| value.split([',', '=']).nth(1)?.parse::<u64>().ok())
        .sum();
    RedisVitals {
        latency: Duration::ZERO,
        version: text("redis_version").to_owned(),
        uptime_s: number("uptime_in_seconds"),
        used_bytes: number("used_memory"),
        max_bytes: number("maxmemory"),
        eviction_policy: text("maxmemory_policy").to_owned(),
        resident_bytes: number("used_memory_rss"),
        clients: number("connected_clients"),
        commands_per_s: number("instantaneous_ops_per_sec"),
        keys,
        role: text("role").to_owned(),
        replicas: number("connected_slaves"),
        master_is_up: fields.get("master_link_status").map(|status| *status == "up"),
        append_only: text("aof_enabled") == "1",
        append_only_bytes: number("aof_current_size"),
        persistence_failed: text("aof_last_write_status") == "err" || text("rdb_last_bgsave_status") == "err",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_line_by_line() {
        let vitals = read(
            "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:60\r\n# Memory\r\nused_memory:1000\r\n\
             maxmemory:0\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\nmaster_link_status:down\r\n\
             aof_enabled:1\r\naof_last_write_status:err\r\n# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=0\r\n\
             db1:keys=1,expires=0,avg_ttl=0\r\n",
        );
        assert_eq!((vitals.version.as_str(), vitals.keys), ("7.0.15", 13));
        assert_eq!(vitals.master_is_up, Some(false));
        assert!(vitals.append_only && vitals.persistence_failed);
    }
}
