//! What admin keeps in Redis of its own: attempts to sign in, and the link for the first operator.

use fred::{
    clients::Client,
    interfaces::{FredResult, KeysInterface},
    types::{Expiration, ExpireOptions},
};

use crate::{Keys, PubsubError};

/// Admin's own keys.
#[derive(Clone)]
pub struct Desk {
    client: Client,
    keys: Keys,
}

impl Desk {
    /// Through a connected client.
    pub fn new(client: Client, keys: Keys) -> Self {
        Self { client, keys }
    }

    /// Keeps the hash of the newest set-up link for so many seconds.
    pub async fn keep_set_up_token(&self, hash: &str, seconds: u64) -> Result<(), PubsubError> {
        let expire = Expiration::EX(i64::try_from(seconds).unwrap_or(i64::MAX));
        let kept: FredResult<()> = self
            .client
            .set(self.keys.set_up_token(), hash, Some(expire), None, false)
            .await;
        kept.map_err(failed("keep a set-up link"))
    }

    /// The hash of the newest set-up link.
    pub async fn set_up_token(&self) -> Result<Option<String>, PubsubError> {
        let kept = self.client.get(self.keys.set_up_token()).await;
        kept.map_err(failed("look up the set-up link"))
    }

    /// The link has been used.
    pub async fn forget_set_up_token(&self) -> Result<(), PubsubError> {
        let forgotten: FredResult<()> = self.client.del(self.keys.set_up_token()).await;
        forgotten.map_err(failed("forget the set-up link"))
    }

    /// Counts an attempt of `whom`; answers how many there were in this window, and the seconds that are left of it.
    pub async fn count_attempt(&self, whom: &str, window_s: u64) -> Result<(u64, u64), PubsubError> {
        self.count(whom, window_s).await.map_err(failed("count attempts"))
    }

    async fn count(&self, whom: &str, window_s: u64) -> FredResult<(u64, u64)> {
        let (pipeline, key) = (self.client.pipeline(), self.keys.attempts(whom));
        let _: () = pipeline.incr(&key).await?;
        let window = i64::try_from(window_s).unwrap_or(i64::MAX);
        let _: () = pipeline.expire(&key, window, Some(ExpireOptions::NX)).await?;
        let _: () = pipeline.ttl(&key).await?;
        let (count, _, left): (u64, i64, i64) = pipeline.all().await?;
        Ok((count, left.max(0).unsigned_abs()))
    }

    /// Nothing is held against `whom` any more.
    pub async fn forget_attempts(&self, whom: &str) -> Result<(), PubsubError> {
        let forgotten: FredResult<()> = self.client.del(self.keys.attempts(whom)).await;
        forgotten.map_err(failed("forget attempts"))
    }
}

fn failed(operation: &'static str) -> impl Fn(fred::error::Error) -> PubsubError {
    move |source| PubsubError::Keys { operation, source }
}
