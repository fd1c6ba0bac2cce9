//! The sections of the app.

/// A section, as the navigation shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// How the relay is.
    Overview,
    /// Who is connected.
    Connections,
    /// What was written.
    Events,
    /// What waits, runs and failed.
    Queues,
    /// What can be changed while the relay runs, and all that cannot.
    Settings,
    /// Who may do what.
    Access,
    /// The operator's own account.
    Account,
}

impl Section {
    /// In the order of the navigation.
    pub const NAVIGATION: &[Self] = &[
        Self::Overview,
        Self::Connections,
        Self::Events,
        Self::Queues,
        Self::Access,
        Self::Settings,
        Self::Account,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Events => "Events",
            Self::Queues => "Queues",
            Self::Connections => "Connections",
            Self::Settings => "Settings",
            Self::Access => "Access",
            Self::Account => "Account",
        }
    }

    /// Its first page.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/overview",
            Self::Events => "/events",
            Self::Queues => "/queues",
            Self::Connections => "/connections",
            Self::Settings => "/settings",
            Self::Access => "/access",
            Self::Account => "/account",
        }
    }

    /// The shape of its icon: the `d` of an SVG path on a grid of 24, drawn with strokes.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Overview => "M4 4v16h16M8 15l3-4 3 2 5-7",
            Self::Events => "M5 5h14v11h-8l-4 4v-4H5zM9 9h6M9 12h4",
            Self::Queues => "M4 6h16M4 12h16M4 18h10M19 16v4M17 18h4",
            Self::Connections => "M5 12a7 7 0 0 1 14 0M8.5 12a3.5 3.5 0 0 1 7 0M12 12v8M9 20h6",
            Self::Settings => "M4 7h9m4 0h3M4 17h3m4 0h9M15 5v4M9 15v4",
            Self::Access => "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
            Self::Account => "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 4-6 8-6s8 2 8 6",
        }
    }

    /// The section that a path belongs to.
    pub fn of(path: &str) -> Option<Self> {
        Self::NAVIGATION.iter().copied().find(|section| {
            let rest = path.strip_prefix(section.path());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}
