//! A connection in somebody's hands.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use deadpool::managed::Object;
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};
use sqlx::{
    Describe, Either, Error, Execute, Executor, PgConnection, Postgres, SqlStr,
    postgres::{PgDatabaseError, PgQueryResult, PgRow, PgSeverity, PgStatement, PgTypeInfo},
};
use tokio::time::timeout;

use super::Opening;

/// A connection, until it is dropped. It is used again if nothing is left undone on it: no statement without its whole answer,
/// no transaction without its end. Else it is closed, and Postgres rolls back.
#[derive(Debug)]
pub(crate) struct Lent {
    /// `Some` until it is dropped.
    connection: Option<Object<Opening>>,
    /// The longest that an answer, or the next row of a stream, may take.
    patience: Duration,
    is_asked: bool,
    in_transaction: bool,
}

type Step = Result<Either<PgQueryResult, PgRow>, Error>;

impl Lent {
    pub(super) fn new(connection: Object<Opening>, patience: Duration) -> Self {
        Self {
            connection: Some(connection),
            patience,
            is_asked: false,
            in_transaction: false,
        }
    }

    /// With another patience.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Begins a transaction.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        self.in_transaction = true;
        self.execute("BEGIN").await.map(drop)
    }

    /// Ends the transaction: what was written in it is there from now on.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.execute("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    /// The connection, which has something to answer from now on.
    fn ask(&mut self) -> (&mut PgConnection, Asked<'_>) {
        let connection = self.connection.as_mut().expect("it is not dropped");
        self.is_asked = true;
        let asked = Asked {
            is_outstanding: &mut self.is_asked,
            patience: self.patience,
        };
        (connection, asked)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_asked || self.in_transaction {
            let connection = self.connection.take().expect("it is dropped once");
            if let Some(pool) = Object::pool(&connection) {
                pool.manager().doubt_others();
            }
            drop(Object::take(connection));
        }
    }
}

/// An answer that is awaited.
struct Asked<'l> {
    is_outstanding: &'l mut bool,
    patience: Duration,
}

impl Asked<'_> {
    async fn until<T>(self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let answer = timeout(self.patience, answer).await;
        let answer = answer.map_err(silent).flatten();
        *self.is_outstanding = answer.as_ref().is_err_and(is_broken);
        answer
    }
}

/// A refusal is an answer, if it is not a farewell.
fn is_broken(error: &Error) -> bool {
    let refusal = error
        .as_database_error()
        .map(|error| error.downcast_ref::<PgDatabaseError>());
    refusal.is_none_or(|refusal| matches!(refusal.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

fn silent<Elapsed>(_: Elapsed) -> Error {
    let why = "Postgres does not answer: the connection is given up";
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, why))
}

impl<'c> Executor<'c> for &'c mut Lent {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Step>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, asked) = self.ask();
        let steps = tokio_stream::StreamExt::timeout(connection.fetch_many(query), asked.patience);
        let steps = steps.map(|step| step.map_err(silent).flatten()).boxed();
        Answer { steps, asked }.boxed()
    }

    fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Vec<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, asked) = self.ask();
        asked.until(connection.fetch_all(query)).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, asked) = self.ask();
        asked.until(connection.fetch_optional(query)).boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        let (connection, asked) = self.ask();
        asked.until(connection.prepare_with(sql, parameters)).boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        let (connection, asked) = self.ask();
        asked.until(connection.describe(sql)).boxed()
    }
}

/// An answer as it comes.
struct Answer<'e> {
    steps: BoxStream<'e, Step>,
    asked: Asked<'e>,
}

impl Stream for Answer<'_> {
    type Item = Step;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Step>> {
        let step = ready!(self.steps.poll_next_unpin(context));
        match &step {
            Some(Ok(_)) => {}
            Some(Err(error)) => *self.asked.is_outstanding = is_broken(error),
            None => *self.asked.is_outstanding = false,
        }
        Poll::Ready(step)
    }
}
