//! Every number that this process tells on `/metrics`, but for those of the queue. `docs/metrics.md` has them with their units.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use runtime::figures::Kept;

use crate::rate_limit::Action;

/// What admin shows of the last hour.
pub const KEPT: Kept = Kept {
    summed: &[
        "relay_connections",
        "relay_subscriptions",
        "relay_received_messages_total",
        "relay_received_bytes_total",
        "relay_sent_bytes_total",
        "relay_live_deliveries_total",
        "relay_connections_refused_total",
        "relay_rate_limited_total",
        "relay_answers_overdue_total",
    ],
    shared: &[],
};

const COUNTERS: [(&str, &str); 14] = [
    (
        "relay_auth_events_used_twice_total",
        "Auth events that were used to connect twice",
    ),
    (
        "relay_received_messages_total",
        "Messages from clients, good and bad",
    ),
    ("relay_received_bytes_total", "Bytes from clients"),
    ("relay_sent_bytes_total", "Bytes to clients"),
    (
        "relay_live_deliveries_total",
        "New events sent to live subscriptions",
    ),
    (
        "relay_connections_refused_total",
        "Connections turned away at the door",
    ),
    (
        "relay_invalid_messages_total",
        "Messages that could not be understood or had a wrong signature",
    ),
    (
        "relay_answers_overdue_total",
        "Answers that no worker gave in time",
    ),
    ("relay_enqueue_failures_total", "Jobs that Redis did not take"),
    (
        "relay_pubsub_gaps_total",
        "Times that pub/sub broke and had to be made up for",
    ),
    (
        "relay_unchecked_events_total",
        "Events whose signature was not checked, since the process ended",
    ),
    (
        "relay_presence_changes_dropped_total",
        "Changes in who is connected that Redis was not told",
    ),
    (
        "relay_plugin_copies_dropped_total",
        "Copies for plugins left out, since Redis was too slow",
    ),
    (
        "relay_turns_waited_for_total",
        "Times that an address had taken more than its share and waited",
    ),
];

const MESSAGES: &str = "relay_messages_total";
const RATE_LIMITED: &str = "relay_rate_limited_total";

/// Says what each means, and starts each at zero: a counter that is not there yet has no rate. Once, at the start.
pub fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(name, text);
        counter!(name).increment(0);
    }
    describe_counter!(
        MESSAGES,
        "Messages from clients, by what they ask for; CLOSE is not among them"
    );
    describe_counter!(
        RATE_LIMITED,
        "Messages and handshakes refused as too many from one address"
    );
    for action in Action::ALL {
        counter!(RATE_LIMITED, "what" => action.member()).increment(0);
        if action != Action::Connection {
            counter!(MESSAGES, "what" => action.member()).increment(0);
        }
    }
    describe_gauge!("relay_connections", "Websockets that are open");
    describe_gauge!("relay_subscriptions", "Subscriptions that are open");
    describe_gauge!(
        "relay_live_filters",
        "Filters that new events are matched against"
    );
    for name in ["relay_connections", "relay_subscriptions", "relay_live_filters"] {
        gauge!(name).set(0.0);
    }
}
