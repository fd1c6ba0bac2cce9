//! Sessions of operators. A session is found by the hash of its cookie.

use std::time::Duration;

use crate::{Store, StoreError};

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOperator {
    /// The operator's number.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// A session, as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// sha256 of its cookie.
    pub token_hash: Vec<u8>,
    /// Where it began.
    pub address: String,
    /// In which browser.
    pub user_agent: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds, to the minute.
    pub seen_at: i64,
}

/// A session to begin.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// Whose.
    pub operator: i64,
    /// sha256 of its cookie.
    pub token_hash: &'a [u8; 32],
    /// Where the browser is.
    pub address: &'a str,
    /// What the browser says it is.
    pub user_agent: &'a str,
    /// After so much silence it ends.
    pub idle: Duration,
}

impl Store {
    /// Begins a session, and forgets those that have expired.
    pub async fn begin_session(&self, session: NewSession<'_>) -> Result<(), StoreError> {
        let failed = StoreError::during("begin a session");
        sqlx::query!("DELETE FROM operator_sessions WHERE expires_at <= now()")
            .execute(&self.writes)
            .await
            .map_err(failed)?;
        sqlx::query!(
            "INSERT INTO operator_sessions (token_hash, operator_id, address, user_agent, expires_at) \
             VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
            session.token_hash,
            session.operator,
            session.address,
            session.user_agent,
            session.idle.as_secs_f64()
        )
        .execute(&self.writes)
        .await
        .map(drop)
        .map_err(failed)
    }

    /// Who is signed in by this cookie. Using a session keeps it alive, written at most once a minute; after `lifetime` it
    /// ends all the same.
    pub async fn session_operator(
        &self,
        token_hash: &[u8; 32],
        idle: Duration,
        lifetime: Duration,
    ) -> Result<Option<SessionOperator>, StoreError> {
        let failed = StoreError::during("look up a session");
        let found = sqlx::query!(
            r#"SELECT o.id, o.name, s.seen_at < now() - interval '1 minute' AS "is_stale!"
            FROM operator_sessions s JOIN operators o ON o.id = s.operator_id
            WHERE s.token_hash = $1 AND s.expires_at > now() AND s.created_at > now() - make_interval(secs => $2)"#,
            token_hash,
            lifetime.as_secs_f64()
        )
        .fetch_optional(&self.writes)
        .await
        .map_err(failed)?;
        let Some(found) = found else { return Ok(None) };
        if found.is_stale {
            sqlx::query!(
                "UPDATE operator_sessions SET seen_at = now(), expires_at = now() + make_interval(secs => $2) \
                 WHERE token_hash = $1",
                token_hash,
                idle.as_secs_f64()
            )
            .execute(&self.writes)
            .await
            .map_err(failed)?;
        }
        Ok(Some(SessionOperator {
            id: found.id,
            name: found.name,
        }))
    }

    /// The sessions of an operator that are alive, the latest used first.
    pub async fn sessions(&self, operator: i64) -> Result<Vec<Session>, StoreError> {
        sqlx::query_as!(
            Session,
            r#"SELECT token_hash, address, user_agent, extract(epoch FROM created_at)::bigint AS "created_at!",
                extract(epoch FROM seen_at)::bigint AS "seen_at!"
            FROM operator_sessions WHERE operator_id = $1 AND expires_at > now() ORDER BY operator_sessions.seen_at DESC"#,
            operator
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list sessions"))
    }

    /// Ends a session.
    pub async fn end_session(&self, token_hash: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query!("DELETE FROM operator_sessions WHERE token_hash = $1", token_hash)
            .execute(&self.writes)
            .await
            .map(drop)
            .map_err(StoreError::during("end a session"))
    }

    /// Ends all sessions of an operator but one, or all; how many it were.
    pub async fn end_sessions(&self, operator: i64, but: Option<&[u8; 32]>) -> Result<u64, StoreError> {
        let ended = sqlx::query!(
            "DELETE FROM operator_sessions WHERE operator_id = $1 AND token_hash IS DISTINCT FROM $2",
            operator,
            but.map(|hash| hash.as_slice())
        )
        .execute(&self.writes)
        .await
        .map_err(StoreError::during("end sessions"))?;
        Ok(ended.rows_affected())
    }
}
