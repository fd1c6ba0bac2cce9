//! `admin create-operator NAME [--key NPUB]`: an operator from a shell. The password is asked for, or is the first line of standard
//! input; an empty one means that this operator signs in with the key only.

use std::io::{IsTerminal, stdin};

use protocol::{InvalidPublicKey, PublicKey};
use runtime::config::Config;
use store::{NewAuditEntry, NewOperator, Store, StoreError};
use tracing::info;

use super::{hash_password, name_problem, password_problem};
use crate::web::PageError;

/// Who shall be an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFromShell {
    /// The name.
    pub name: String,
    /// A Nostr key.
    pub key: Option<PublicKey>,
}

/// Why there is no new operator.
#[derive(Debug, thiserror::Error)]
pub enum NotCreated {
    /// The words after `admin`.
    #[error("usage: admin create-operator NAME [--key NPUB]")]
    Usage,
    /// Not a key.
    #[error(transparent)]
    Key(#[from] InvalidPublicKey),
    /// Not a name.
    #[error("the name: {0}")]
    Name(&'static str),
    /// Not a password.
    #[error("the password: {0}")]
    Password(&'static str),
    /// The password cannot be read.
    #[error("could not read the password")]
    Read(#[from] std::io::Error),
    /// The name or the key is another's.
    #[error("there is an operator with this {0} already")]
    Taken(&'static str),
    /// The password cannot be hashed.
    #[error(transparent)]
    Hash(#[from] PageError),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NewFromShell {
    /// Reads the words after `create-operator`.
    pub fn read(words: &[&str]) -> Result<Self, NotCreated> {
        let (name, key) = match words {
            [name] => (*name, None),
            [name, "--key", key] => (*name, Some(PublicKey::read(key)?)),
            _ => return Err(NotCreated::Usage),
        };
        if let Some(problem) = name_problem(name) {
            return Err(NotCreated::Name(problem));
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// Creates it.
    pub async fn create(self, config: &Config) -> Result<(), NotCreated> {
        let password = password()?;
        let hash = match (password.is_empty(), self.key) {
            (true, Some(_)) => None,
            _ => {
                if let Some(problem) = password_problem(&password) {
                    return Err(NotCreated::Password(problem));
                }
                Some(hash_password(password).await?)
            }
        };
        let postgres = &config.postgres;
        let store = Store::connect(postgres.url.expose(), 1, postgres.statement_timeout()).await?;
        if let Some(key) = self.key
            && store.operator_by_key(key).await?.is_some()
        {
            return Err(NotCreated::Taken("key"));
        }
        let created = store.create_operator(&self.name, hash.as_deref(), false).await?;
        let NewOperator::Created(operator) = created else {
            return Err(NotCreated::Taken("name"));
        };
        if let Some(key) = self.key {
            store.add_operator_key(operator, key).await?;
        }
        let entry = NewAuditEntry {
            operator: "shell",
            act: "operators.create",
            target: &self.name,
            ..NewAuditEntry::default()
        };
        store.note(entry).await?;
        info!(name = self.name, "an operator was created");
        Ok(())
    }
}

fn password() -> std::io::Result<String> {
    if stdin().is_terminal() {
        return rpassword::prompt_password("Password: ");
    }
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
