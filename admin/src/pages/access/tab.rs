//! The lists, and what their forms ask for.

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Trusted,
    Subscribers,
    Names,
    Banned,
    Allowed,
    Events,
    Reported,
    BannedKinds,
    AllowedKinds,
    Addresses,
    Roles,
}

/// A field of a form.
pub struct Input {
    /// In the form.
    pub name: &'static str,
    /// For people.
    pub label: &'static str,
    /// Under it.
    pub hint: &'static str,
    /// A box instead of a line.
    pub is_box: bool,
}

const fn line(name: &'static str, label: &'static str, hint: &'static str) -> Input {
    Input {
        name,
        label,
        hint,
        is_box: false,
    }
}

const KEY: Input = line("pubkey", "Public key", "npub1… or hex");
const REASON: Input = line("reason", "Reason", "");
const KIND: Input = line("kind", "Kind", "0 to 65535");

impl Tab {
    /// In the order of the page.
    pub const ALL: [Self; 11] = [
        Self::Trusted,
        Self::Subscribers,
        Self::Names,
        Self::Banned,
        Self::Allowed,
        Self::Events,
        Self::Reported,
        Self::BannedKinds,
        Self::AllowedKinds,
        Self::Addresses,
        Self::Roles,
    ];

    /// The last part of its URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Subscribers => "subscribers",
            Self::Names => "names",
            Self::Banned => "banned",
            Self::Allowed => "allowed",
            Self::Events => "events",
            Self::Reported => "reported",
            Self::BannedKinds => "banned-kinds",
            Self::AllowedKinds => "allowed-kinds",
            Self::Addresses => "addresses",
            Self::Roles => "roles",
        }
    }

    /// By that part.
    pub fn parse(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.path() == path)
    }

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Trusted => "Trusted",
            Self::Subscribers => "Subscribers",
            Self::Names => "Users and names",
            Self::Banned => "Banned keys",
            Self::Allowed => "Allowed keys",
            Self::Events => "Banned events",
            Self::Reported => "Reported",
            Self::BannedKinds => "Banned kinds",
            Self::AllowedKinds => "Allowed kinds",
            Self::Addresses => "Blocked addresses",
            Self::Roles => "Roles",
        }
    }

    /// What it means to be in it.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Trusted => "Keys of auth level 4.",
            Self::Subscribers => "Keys of auth level 3, until their subscription ends.",
            Self::Names => {
                "Registered keys, auth level 2. A name is told at /.well-known/nostr.json of the relay (NIP-05): bob@relay.example.com."
            }
            Self::Banned => "Whatever these keys sign is refused, whoever sends it.",
            Self::Allowed => "If there is any key here, nobody else's events are accepted.",
            Self::Events => "Removed, and refused when they come again.",
            Self::Reported => "Stored events that somebody reported (NIP-56) and nobody has looked at.",
            Self::BannedKinds => "Events of these kinds are refused.",
            Self::AllowedKinds => "If there is any kind here, no other is accepted.",
            Self::Addresses => "Connections from these networks are closed with 3403, and refused.",
            Self::Roles => {
                "Labels that clients show beside members (NIP-43). They allow nothing by themselves."
            }
        }
    }

    /// What its form asks for.
    pub const fn inputs(self) -> &'static [Input] {
        match self {
            Self::Trusted => const { &[KEY, line("note", "Note", "")] },
            Self::Subscribers => const { &[KEY, line("days", "Days", "added to what is left")] },
            Self::Names => {
                const {
                    &[
                        KEY,
                        line("name", "Name", "a-z 0-9 - _ . or nothing; _ is the domain itself"),
                        line("relays", "Relays", "wss://…, with spaces between"),
                    ]
                }
            }
            Self::Banned => {
                const {
                    &[
                        KEY,
                        REASON,
                        Input {
                            name: "without_events",
                            label: "Remove what it has written",
                            hint: "",
                            is_box: true,
                        },
                    ]
                }
            }
            Self::Allowed => const { &[KEY, REASON] },
            Self::Events => const { &[line("id", "Event id", "note1… or hex"), REASON] },
            Self::Reported => const { &[] },
            Self::BannedKinds | Self::AllowedKinds => const { &[KIND, REASON] },
            Self::Addresses => {
                const {
                    &[
                        line("network", "Address or network", "192.0.2.7 or 192.0.2.0/24"),
                        REASON,
                    ]
                }
            }
            Self::Roles => {
                const {
                    &[
                        line("id", "Id", ""),
                        line("label", "Label", ""),
                        line("description", "Description", ""),
                        line("color", "Hue", "0 to 360"),
                        line("position", "Order", "a number"),
                    ]
                }
            }
        }
    }

    /// The button of its form.
    pub const fn add(self) -> &'static str {
        match self {
            Self::Trusted => "Trust",
            Self::Subscribers => "Prolong",
            Self::Names => "Register",
            Self::Banned | Self::Events | Self::BannedKinds | Self::Reported => "Ban",
            Self::Allowed | Self::AllowedKinds => "Allow",
            Self::Addresses => "Block",
            Self::Roles => "Save",
        }
    }

    /// The button of its rows.
    pub const fn remove(self) -> &'static str {
        match self {
            Self::Subscribers => "End",
            Self::Banned | Self::Events | Self::BannedKinds => "Lift the ban",
            Self::Addresses => "Unblock",
            Self::Reported => "Let it stay",
            _ => "Remove",
        }
    }

    /// What is said after that.
    pub const fn removed(self) -> &'static str {
        match self {
            Self::Subscribers => "The subscription has ended.",
            Self::Banned | Self::Events | Self::BannedKinds => "The ban is lifted.",
            Self::Addresses => "The network may connect again.",
            Self::Reported => "The event may stay.",
            _ => "It is removed.",
        }
    }

    /// The titles of its columns.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Trusted => &["Key", "Note", "Since"],
            Self::Subscribers => &["Key", "Until", ""],
            Self::Names => &["Key", "Name", "Relays"],
            Self::Banned | Self::Allowed => &["Key", "Reason", "By"],
            Self::Events => &["Event", "Reason", "By"],
            Self::Reported => &["Event", "Report", "Reported by"],
            Self::BannedKinds | Self::AllowedKinds => &["Kind", "Reason", "By"],
            Self::Addresses => &["Network", "Reason", "By"],
            Self::Roles => &["Role", "Description", "Members"],
        }
    }
}
