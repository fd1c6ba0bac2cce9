//! The rulings of operators on their way from Postgres to processes that have none: `rulings`, `rulings_version`, `names`.
//!
//! Who changes something in Postgres counts `rulings_changes` up. Workers look at that counter, read Postgres when it moves,
//! and write the copy here; relay-ws looks at `rulings_version`.

use std::collections::BTreeMap;

use fred::{
    clients::Client,
    interfaces::{FredResult, HashesInterface, KeysInterface, LuaInterface},
    types::Value,
};
use protocol::Rulings;

use crate::{Keys, PubsubError};

const WRITE: &str = include_str!("write_rulings.lua");

/// Reads and writes them.
#[derive(Clone)]
pub struct RulingsKeys {
    client: Client,
    keys: Keys,
}

impl RulingsKeys {
    /// Through a connected client.
    pub fn new(client: Client, keys: Keys) -> Self {
        Self { client, keys }
    }

    /// Something was changed in Postgres.
    pub async fn changed(&self) -> Result<(), PubsubError> {
        let counted: FredResult<()> = self.client.incr(self.keys.rulings_changes()).await;
        counted.map_err(failed("tell of new rulings"))
    }

    /// How often something was changed, and which version lies here. Both are `None` when Redis was emptied.
    pub async fn state(&self) -> Result<(Option<i64>, Option<i64>), PubsubError> {
        let read = async {
            let keys = vec![self.keys.rulings_changes(), self.keys.rulings_version()];
            let (changes, version): (Option<i64>, Option<i64>) = self.client.mget(keys).await?;
            Ok((changes, version))
        };
        let state: FredResult<_> = read.await;
        state.map_err(failed("look for new rulings"))
    }

    /// Writes the copy. `names` are the answers to `/.well-known/nostr.json` by name.
    pub async fn write(
        &self,
        rulings: &Rulings,
        names: &BTreeMap<String, String>,
    ) -> Result<(), PubsubError> {
        // Sets of hex texts and numbers always have a JSON form.
        let json = serde_json::to_string(rulings).unwrap_or_default();
        let keys = vec![
            self.keys.rulings(),
            self.keys.names(),
            self.keys.rulings_version(),
        ];
        let mut arguments = vec![json, rulings.version.to_string()];
        for (name, answer) in names {
            arguments.extend([name.clone(), answer.clone()]);
        }
        let written: FredResult<Value> = self.client.eval(WRITE, keys, arguments).await;
        let written = written.map(drop);
        written.map_err(failed("write the rulings"))
    }

    /// Reads the copy.
    pub async fn read(&self) -> Result<Option<Rulings>, PubsubError> {
        let json: FredResult<Option<String>> = self.client.get(self.keys.rulings()).await;
        let json = json.map_err(failed("read the rulings"))?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// The answer for a name ([NIP-05](https://nips.nostr.com/5)), if somebody has it.
    pub async fn name(&self, name: &str) -> Result<Option<String>, PubsubError> {
        let found = self.client.hget(self.keys.names(), name).await;
        found.map_err(failed("look up a name"))
    }

    /// Notes that an HTTP request was made with this event (NIP-98); `false` if it was noted before.
    pub async fn use_http_auth(&self, event: &str, seconds: u64) -> Result<bool, PubsubError> {
        let expire = fred::types::Expiration::EX(i64::try_from(seconds).unwrap_or(i64::MAX));
        let new = Some(fred::types::SetOptions::NX);
        let set: FredResult<Option<String>> = self
            .client
            .set(self.keys.used_http_auth(event), "1", Some(expire), new, false)
            .await;
        Ok(set.map_err(failed("note a used event"))?.is_some())
    }
}

fn failed(operation: &'static str) -> impl Fn(fred::error::Error) -> PubsubError {
    move |source| PubsubError::Keys { operation, source }
}
