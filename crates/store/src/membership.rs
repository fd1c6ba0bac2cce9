//! Who is a member, and who invited them ([NIP-43](https://nips.nostr.com/43)).

use protocol::PublicKey;
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{Store, StoreError, connections::Lent};

/// Guards the list of members against two that write it at once.
const LIST_LOCK: i64 = 5_327_002;

/// What became of a request to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// A new member.
    Welcome,
    /// It was one before.
    Already,
    /// There is no such code.
    UnknownCode,
    /// The code was good once.
    UsedCode,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its key.
    pub pubkey: PublicKey,
    /// Ids of its roles, in their order.
    pub roles: Vec<String>,
}

/// An invitation in the making.
#[derive(Debug, Clone, Copy)]
pub struct Invite<'a> {
    /// What the newcomer has to say. Only its hash is kept.
    pub code: &'a str,
    /// Who invites; `None` for the operator.
    pub by: Option<PublicKey>,
    /// How many may come with it.
    pub uses: u32,
    /// How long it is good.
    pub days: u32,
}

/// The right to write the list of members, until it is dropped.
#[derive(Debug)]
pub struct ListTurn(#[allow(dead_code, reason = "held for its lock")] Lent);

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Query { operation, source }
}

impl Store {
    /// Makes an invitation. Of those that one key has given and nobody has used, the newest `most_open` stay.
    pub async fn invite(&self, invite: Invite<'_>, most_open: u32) -> Result<(), StoreError> {
        let by = invite.by.map(|key| key.as_bytes().to_vec());
        sqlx::query(
            "WITH ended AS (DELETE FROM invites WHERE invited_by = $2 AND code = ANY (ARRAY( \
             SELECT code FROM invites WHERE invited_by = $2 ORDER BY created_at DESC OFFSET $5 - 1))) \
             INSERT INTO invites (code, invited_by, uses, expires_at) \
             VALUES ($1, $2, $3, now() + make_interval(days => $4))",
        )
        .bind(hash(invite.code))
        .bind(by)
        .bind(i32::try_from(invite.uses).unwrap_or(i32::MAX))
        .bind(i32::try_from(invite.days).unwrap_or(i32::MAX))
        .bind(i64::from(most_open.max(1)))
        .execute(&self.writes)
        .await
        .map(drop)
        .map_err(failed("invite"))
    }

    /// Makes a key a member, if the code is good. Twice is once: the second time it is one already.
    pub async fn join(&self, pubkey: PublicKey, code: &str) -> Result<Joined, StoreError> {
        let joined: i32 = sqlx::query_scalar("SELECT join_by_invite($1, $2)")
            .bind(pubkey.as_bytes().as_slice())
            .bind(hash(code))
            .fetch_one(&self.writes)
            .await
            .map_err(failed("join"))?;
        Ok(match joined {
            0 => Joined::Welcome,
            1 => Joined::Already,
            2 => Joined::UnknownCode,
            _ => Joined::UsedCode,
        })
    }

    /// A key is no member any more; whether it was one.
    pub async fn leave(&self, pubkey: PublicKey) -> Result<bool, StoreError> {
        let left = sqlx::query("DELETE FROM user_pubkeys WHERE pubkey = $1")
            .bind(pubkey.as_bytes().as_slice())
            .execute(&self.writes)
            .await
            .map_err(failed("leave"))?;
        Ok(left.rows_affected() > 0)
    }

    /// Members, the first of them first.
    pub async fn members(&self, at_most: usize) -> Result<Vec<Member>, StoreError> {
        let rows = sqlx::query(
            "SELECT u.pubkey, ARRAY(SELECT r.id FROM role_members m JOIN roles r ON r.id = m.role \
             WHERE m.pubkey = u.pubkey ORDER BY r.position, r.id) \
             FROM user_pubkeys u ORDER BY u.created_at, u.pubkey LIMIT $1",
        )
        .bind(i64::try_from(at_most).unwrap_or(i64::MAX))
        .fetch_all(&self.writes)
        .await;
        let members = rows.and_then(|rows| {
            let member = |row: &sqlx::postgres::PgRow| {
                Ok(Member {
                    pubkey: PublicKey::from_bytes(row.try_get(0)?),
                    roles: row.try_get(1)?,
                })
            };
            rows.iter().map(member).collect()
        });
        members.map_err(failed("read members"))
    }

    /// The right to write the list of members; `None` while somebody else has it. It holds a connection: a process asks
    /// for one at a time.
    pub async fn list_turn(&self) -> Result<Option<ListTurn>, StoreError> {
        let mut transaction = self
            .writes
            .begin()
            .await
            .map_err(failed("lock the list of members"))?;
        let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
            .bind(LIST_LOCK)
            .fetch_one(&mut transaction)
            .await
            .map_err(failed("lock the list of members"))?;
        Ok(is_ours.then_some(ListTurn(transaction)))
    }

    /// Drops invitations that ended a month ago.
    pub async fn forget_invites(&self) -> Result<u64, StoreError> {
        sqlx::query("DELETE FROM invites WHERE expires_at < now() - interval '30 days'")
            .execute(&self.writes)
            .await
            .map(|done| done.rows_affected())
            .map_err(failed("forget invitations"))
    }
}

fn hash(code: &str) -> Vec<u8> {
    Sha256::digest(code).to_vec()
}
