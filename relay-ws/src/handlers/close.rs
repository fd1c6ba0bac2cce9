//! `["CLOSE",<subscription id>]`: nobody else is asked.

use protocol::SubscriptionId;

use super::Cx;

impl Cx<'_> {
    /// Ends a subscription. What its query still sends is dropped, since it is not registered any more.
    pub(super) fn close(&self, id: &SubscriptionId) {
        if let Some(registered) = self.connection.unsubscribe(id.as_str()) {
            self.relay.end(self.connection.id, &registered);
        }
    }
}
