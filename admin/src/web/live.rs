//! Parts of a page that move: the server makes them anew and `live.js` puts them where they belong.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

/// A stream lasts so long; then the browser asks again, and is asked again who it is: who has signed out elsewhere hears no
/// more.
const LASTS: Duration = Duration::from_secs(60);

/// How soon the browser asks again.
const RETRY: Duration = Duration::from_secs(1);

/// What moves.
#[derive(Debug, Clone)]
pub enum Moved {
    /// The new content of the element with this id.
    Part(&'static str, String),
    /// Rows that come before the others in the element with this id.
    Rows(&'static str, String),
}

/// Sends what moves as server-sent events, `part` or `rows`: the id, a line break, HTML.
pub fn live(moved: impl Stream<Item = Moved> + Send + 'static, stop: CancellationToken) -> Response {
    let events = moved.map(|moved| {
        let (event, id, html) = match &moved {
            Moved::Part(id, html) => ("part", id, html),
            Moved::Rows(id, html) => ("rows", id, html),
        };
        // A carriage return would end a line of the event.
        let data = format!("{id}\n{html}").replace('\r', "");
        Ok::<_, Infallible>(Event::default().event(event).data(data))
    });
    let hello = futures::stream::iter([Ok(Event::default().retry(RETRY).comment("hello"))]);
    let over = async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LASTS) => {}
        }
    };
    Sse::new(hello.chain(events).take_until(Box::pin(over)))
        .keep_alive(KeepAlive::default())
        .into_response()
}
