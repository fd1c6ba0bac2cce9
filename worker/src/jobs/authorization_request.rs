//! AUTH: which auth level does a proven key have? Running twice answers twice; relay-ws drops the second.

use apalis::prelude::Data;
use pubsub::Reply;
use queue::{Delivery, JobError, jobs::AuthorizationRequest};

use crate::context::{Context, connection, ok};

/// Handles a job of `nostr:auth`.
pub async fn authorization_request(
    delivery: Delivery<AuthorizationRequest>,
    cx: Data<Context>,
) -> Result<(), JobError> {
    let AuthorizationRequest {
        event,
        pubkey,
        connection: asking,
        ..
    } = delivery.job;
    let connection = connection(&asking)?;
    match cx.store.auth_level(pubkey).await {
        Ok(level) => {
            let reply = Reply::Authorized {
                connection,
                event,
                pubkey,
                level,
            };
            cx.reply(connection.process(), [reply], delivery.attempt).await
        }
        Err(error) => {
            if delivery.is_last {
                let refused = ok(connection, event, false, "error: could not look up the key");
                cx.reply(connection.process(), [refused], delivery.attempt)
                    .await?;
            }
            Err(JobError::retry(error))
        }
    }
}
