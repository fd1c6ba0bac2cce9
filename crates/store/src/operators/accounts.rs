//! Accounts of operators.

use crate::{Store, StoreError};

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// Its name, as it was written.
    pub name: String,
    /// Whether it has a password.
    pub has_password: bool,
    /// Unix seconds.
    pub created_at: i64,
}

/// What a sign-in is compared with.
#[derive(Clone)]
pub struct Credentials {
    /// Whose.
    pub id: i64,
    /// argon2id in PHC format; `None`: no password was set.
    pub password_hash: Option<String>,
}

/// What became of a new operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewOperator {
    /// Its number.
    Created(i64),
    /// The name is taken; upper and lower case are the same.
    NameTaken,
    /// There is one already, and this was to be the first.
    NotTheFirst,
}

impl Store {
    /// Whether anybody can sign in.
    pub async fn has_operator(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM operators) AS "any!""#)
            .fetch_one(&self.writes)
            .await
            .map_err(StoreError::during("look for an operator"))
    }

    /// Adds an operator. `only_first`: not if there is one, however many ask at the same time.
    pub async fn create_operator(
        &self,
        name: &str,
        password_hash: Option<&str>,
        only_first: bool,
    ) -> Result<NewOperator, StoreError> {
        let failed = StoreError::during("create an operator");
        let mut transaction = self.writes.begin().await.map_err(failed)?;
        sqlx::query!("LOCK TABLE operators IN SHARE ROW EXCLUSIVE MODE")
            .execute(&mut transaction)
            .await
            .map_err(failed)?;
        if only_first {
            let any = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM operators) AS "any!""#)
                .fetch_one(&mut transaction)
                .await
                .map_err(failed)?;
            if any {
                return Ok(NewOperator::NotTheFirst);
            }
        }
        let id = sqlx::query_scalar!(
            "INSERT INTO operators (name, password_hash) VALUES ($1, $2) \
             ON CONFLICT (lower(name)) DO NOTHING RETURNING id",
            name,
            password_hash
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(id.map_or(NewOperator::NameTaken, NewOperator::Created))
    }

    /// What the password of an account is compared with.
    pub async fn credentials(&self, name: &str) -> Result<Option<Credentials>, StoreError> {
        sqlx::query_as!(
            Credentials,
            "SELECT id, password_hash FROM operators WHERE lower(name) = lower($1)",
            name
        )
        .fetch_optional(&self.writes)
        .await
        .map_err(StoreError::during("look up an operator"))
    }

    /// An operator by its number.
    pub async fn account(&self, id: i64) -> Result<Option<Account>, StoreError> {
        sqlx::query_as!(
            Account,
            r#"SELECT id, name, password_hash IS NOT NULL AS "has_password!",
                extract(epoch FROM created_at)::bigint AS "created_at!"
            FROM operators WHERE id = $1"#,
            id
        )
        .fetch_optional(&self.writes)
        .await
        .map_err(StoreError::during("look up an operator"))
    }

    /// All operators by name.
    pub async fn operators(&self) -> Result<Vec<Account>, StoreError> {
        sqlx::query_as!(
            Account,
            r#"SELECT id, name, password_hash IS NOT NULL AS "has_password!",
                extract(epoch FROM created_at)::bigint AS "created_at!"
            FROM operators ORDER BY lower(name)"#
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list operators"))
    }

    /// Gives an operator a password.
    pub async fn set_password(&self, id: i64, password_hash: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE operators SET password_hash = $2 WHERE id = $1",
            id,
            password_hash
        )
        .execute(&self.writes)
        .await
        .map(drop)
        .map_err(StoreError::during("set a password"))
    }

    /// Removes an operator with its keys and sessions, unless it is the last one; whether it is gone.
    pub async fn remove_operator(&self, id: i64) -> Result<bool, StoreError> {
        let failed = StoreError::during("remove an operator");
        let mut transaction = self.writes.begin().await.map_err(failed)?;
        // Two who remove one another would leave nobody.
        sqlx::query!("LOCK TABLE operators IN SHARE ROW EXCLUSIVE MODE")
            .execute(&mut transaction)
            .await
            .map_err(failed)?;
        let removed = sqlx::query!(
            "DELETE FROM operators WHERE id = $1 AND EXISTS (SELECT FROM operators WHERE id <> $1)",
            id
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(removed.rows_affected() > 0)
    }
}
