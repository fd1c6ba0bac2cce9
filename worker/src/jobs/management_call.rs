//! A call of the management API ([NIP-86](https://nips.nostr.com/86)), for operators' keys. Running twice does the same again; relay-ws
//! drops the second answer.

use apalis::prelude::Data;
use pubsub::Reply;
use queue::{Delivery, JobError, jobs::ManagementCall};
use serde_json::json;
use tracing::{info, warn};

use crate::{
    context::{Context, connection},
    management::{self, Refused},
};

/// Handles a job of `nostr:management`.
pub async fn management_call(delivery: Delivery<ManagementCall>, cx: Data<Context>) -> Result<(), JobError> {
    let (job, is_last) = (delivery.job, delivery.is_last);
    let request = connection(&job.request)?;
    let (status, body) = match answer(&job, &cx).await {
        Ok(answer) => answer,
        Err(error) if is_last => {
            warn!(%error, method = job.method, "a management call failed for the last time");
            (503, json!({ "error": "the relay could not do this now" }))
        }
        Err(error) => return Err(JobError::retry(error)),
    };
    let reply = Reply::Managed {
        request,
        status,
        body: body.to_string(),
    };
    cx.reply(request.process(), [reply], delivery.attempt).await
}

async fn answer(job: &ManagementCall, cx: &Context) -> Result<(u16, serde_json::Value), store::StoreError> {
    let Some((_, operator)) = cx.store.operator_by_key(job.pubkey).await? else {
        return Ok((403, json!({ "error": "this key is no operator's" })));
    };
    info!(operator, method = job.method, "a management call");
    Ok(
        match management::call(cx, &operator, &job.method, &job.params).await {
            Ok(result) => (200, json!({ "result": result })),
            Err(Refused::Store(error)) => return Err(error),
            Err(refused) => (200, json!({ "error": refused.to_string() })),
        },
    )
}
