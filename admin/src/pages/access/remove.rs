//! Out of a list.

use protocol::{EventId, PublicKey};
use store::Verdict;

use super::tab::Tab;
use crate::{App, rulings, web::PageError};

/// Removes an entry; whether it was there. In force on every process within a second.
pub async fn remove(app: &App, operator: &str, tab: Tab, key: &str) -> Result<bool, PageError> {
    let store = &app.store;
    let pubkey = || key.parse::<PublicKey>().map_err(|_| PageError::NotFound);
    let event = || key.parse::<EventId>().map_err(|_| PageError::NotFound);
    let kind = || key.parse::<u16>().map_err(|_| PageError::NotFound);
    let network = || key.parse::<ipnet::IpNet>().map_err(|_| PageError::NotFound);
    let was_there = match tab {
        Tab::Trusted => store.distrust(operator, pubkey()?).await?,
        Tab::Subscribers => store.end_subscription(operator, pubkey()?).await?,
        Tab::Names => store.remove_name(operator, pubkey()?).await?,
        Tab::Banned => store.lift_pubkey(operator, pubkey()?, Verdict::Banned).await?,
        Tab::Allowed => store.lift_pubkey(operator, pubkey()?, Verdict::Allowed).await?,
        Tab::Events => store.lift_event(operator, event()?, Verdict::Banned).await?,
        Tab::Reported => {
            store.rule_event(operator, event()?, Verdict::Allowed, "").await?;
            true
        }
        Tab::BannedKinds => store.lift_kind(operator, kind()?, Verdict::Banned).await?,
        Tab::AllowedKinds => store.lift_kind(operator, kind()?, Verdict::Allowed).await?,
        Tab::Addresses => store.unblock_address(operator, &network()?.to_string()).await?,
        Tab::Roles => store.delete_role(operator, key).await?,
    };
    if was_there {
        rulings::changed(app).await?;
    }
    Ok(was_there)
}
