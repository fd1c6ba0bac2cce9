//! Parameters of a call: an array, read one by one.

use std::net::IpAddr;

use ipnet::IpNet;
use protocol::{EventId, PublicKey};
use serde_json::Value;

use super::Refused;

/// Characters of a text at most.
const LONGEST: usize = 2000;

/// The parameters.
pub(super) struct Params<'a>(pub &'a [Value]);

impl Params<'_> {
    /// A public key in hex.
    pub fn pubkey(&self, at: usize) -> Result<PublicKey, Refused> {
        let text = self.0.get(at).and_then(Value::as_str);
        text.and_then(|text| text.parse().ok()).ok_or(Refused::Parameter(
            at,
            "not a public key: 64 lower-case hex characters",
        ))
    }

    /// An event's id in hex.
    pub fn event(&self, at: usize) -> Result<EventId, Refused> {
        let text = self.0.get(at).and_then(Value::as_str);
        text.and_then(|text| text.parse().ok()).ok_or(Refused::Parameter(
            at,
            "not an event id: 64 lower-case hex characters",
        ))
    }

    /// A kind.
    pub fn kind(&self, at: usize) -> Result<u16, Refused> {
        let number = self.0.get(at).and_then(Value::as_u64);
        number
            .and_then(|number| u16::try_from(number).ok())
            .ok_or(Refused::Parameter(at, "not a kind: a number up to 65535"))
    }

    /// An address or a network.
    pub fn network(&self, at: usize) -> Result<IpNet, Refused> {
        let text = self.0.get(at).and_then(Value::as_str).unwrap_or_default().trim();
        let network = text.parse::<IpNet>();
        network
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(|network| network.trunc())
            .map_err(|_| Refused::Parameter(at, "not an IP address"))
    }

    /// A text that has to be there.
    pub fn text(&self, at: usize) -> Result<&str, Refused> {
        let text = self.0.get(at).and_then(Value::as_str);
        text.filter(|text| text.chars().count() <= LONGEST)
            .ok_or(Refused::Parameter(at, "not a text of at most 2000 characters"))
    }

    /// A text that may be missing.
    pub fn reason(&self, at: usize) -> Result<&str, Refused> {
        match self.0.get(at) {
            None | Some(Value::Null) => Ok(""),
            Some(_) => self.text(at),
        }
    }

    /// A number, or a text that is one.
    pub fn number(&self, at: usize, range: std::ops::RangeInclusive<i32>) -> Result<i32, Refused> {
        let value = self.0.get(at);
        let number = value.and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
        number
            .and_then(|number| i32::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or(Refused::Parameter(at, "not a number in its range"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn networks_are_read_and_trimmed() {
        let params = [
            json!("192.0.2.7"),
            json!("192.0.2.7/24"),
            json!("::1"),
            json!("here"),
            json!(7),
        ];
        let params = Params(&params);
        let network = |at| params.network(at).map(|network| network.to_string()).ok();
        assert_eq!(network(0).as_deref(), Some("192.0.2.7/32"));
        assert_eq!(network(1).as_deref(), Some("192.0.2.0/24"));
        assert_eq!(network(2).as_deref(), Some("::1/128"));
        assert_eq!((network(3), network(4), network(5)), (None, None, None));
    }

    #[test]
    fn kinds_are_numbers() {
        let params = [json!(1), json!("1"), json!(70_000), json!(-1)];
        let kinds: Vec<_> = (0..5).map(|at| Params(&params).kind(at).ok()).collect();
        assert_eq!(kinds, [Some(1), None, None, None, None]);
    }
}
