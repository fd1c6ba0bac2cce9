/// A fault of the database, or on the way to it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, at the start.
    #[error("could not connect to Postgres")]
    Connect(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("could not migrate the database")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Events could not be saved; none of the batch was.
    #[error("could not save {events} events")]
    Save {
        /// How many.
        events: usize,
        /// What Postgres said.
        #[source]
        source: sqlx::Error,
    },
    /// Something else could not be done.
    #[error("could not {operation}")]
    Query {
        /// What was tried.
        operation: &'static str,
        /// What Postgres said.
        #[source]
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Names the operation that failed: `.map_err(StoreError::during("list operators"))`.
    pub(crate) fn during(operation: &'static str) -> impl Fn(sqlx::Error) -> Self + Copy {
        move |source| Self::Query { operation, source }
    }

    /// Whether Postgres cancelled the statement because it took too long: to try again would take as long.
    pub fn is_timeout(&self) -> bool {
        let (Self::Save { source, .. } | Self::Query { source, .. }) = self else {
            return false;
        };
        // 57014: query_canceled.
        source
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| code == "57014")
    }

    /// Whether Postgres is well and refused what it was given: another attempt gets the same answer.
    pub fn is_about_data(&self) -> bool {
        let (Self::Save { source, .. } | Self::Query { source, .. }) = self else {
            return false;
        };
        // Classes 22 (data), 23 (constraints) and 54 (limits of the program).
        source
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
    }
}
