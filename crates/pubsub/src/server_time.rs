//! The clock of Redis: what several machines compare is dated by it, since theirs may differ, and jump.

use fred::{
    clients::Client,
    interfaces::{ClientLike, FredResult},
    types::CustomCommand,
};

/// Unix milliseconds.
pub async fn server_time_ms(client: &Client) -> FredResult<u64> {
    let time = CustomCommand::new_static("TIME", None::<u16>, false);
    let (seconds, microseconds): (u64, u64) = client.custom(time, Vec::<String>::new()).await?;
    Ok(seconds * 1000 + microseconds / 1000)
}
