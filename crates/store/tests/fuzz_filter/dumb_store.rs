//! What is stored, by the words of the NIPs and with no thought of speed.

use std::cmp::Reverse;

use protocol::VerifiedEvent;

use crate::NOW;

/// Whether a deletion request of the author's own is about this event (NIP-09).
/// Whom it was signed for (NIP-26), and whom a gift wrap is for, may ask for it by its id.
fn is_deleted(event: &VerifiedEvent, requests: &[&VerifiedEvent], delegation: bool) -> bool {
    requests.iter().any(|request| {
        let is_own = request.pubkey == event.pubkey;
        let is_delegated = delegation && event.delegator() == Some(request.pubkey);
        let author = request.pubkey.to_string();
        let mut tags = event.tags.indexed();
        let is_received = event.kind.0 == 1059 && tags.any(|tag| tag == (b'p', author.as_str()));
        request.tags.indexed().any(|(letter, value)| match letter {
            b'e' => {
                let may_delete = is_own || is_delegated || is_received;
                may_delete && value == event.id().to_string() && ![5, 62].contains(&event.kind.0)
            }
            b'a' => {
                let address = event.address().map(|address| address.to_string());
                is_own && address.as_deref() == Some(value) && event.created_at <= request.created_at
            }
            _ => false,
        })
    })
}

/// One version of each address, nothing expired, nothing deleted, newest first, lowest id first.
pub fn dumb_store(events: &[VerifiedEvent], delegation: bool) -> Vec<&VerifiedEvent> {
    let beaten = |event: &VerifiedEvent| {
        event.address().is_some_and(|address| {
            events.iter().any(|other| {
                other.address().as_ref() == Some(&address)
                    && (other.created_at, Reverse(other.id())) > (event.created_at, Reverse(event.id()))
            })
        })
    };
    let mut kept: Vec<_> = events.iter().filter(|event| !beaten(event)).collect();
    let vanishing: Vec<_> = events.iter().filter(|event| event.kind.0 == 62).collect();
    kept.retain(|event| {
        let mut requests = vanishing.iter();
        !requests.any(|request| event.vanishes_by(request, delegation))
    });
    let requests: Vec<_> = events.iter().filter(|event| event.kind.0 == 5).collect();
    kept.retain(|event| !is_deleted(event, &requests, delegation));
    kept.retain(|event| event.expiration().unwrap().is_none_or(|at| at > NOW));
    kept.sort_by_key(|event| (Reverse(event.created_at), event.id()));
    kept.dedup_by_key(|event| event.id());
    kept
}
