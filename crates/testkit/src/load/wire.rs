//! What the clients of a load have in common: a socket that may end at any time.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::sleep};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// Who is refused, or not let in, waits a little, as clients do.
pub const LITTLE: Duration = Duration::from_millis(20);

/// A connection to a relay.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects as soon as the relay lets it.
pub async fn connect(url: &str) -> Socket {
    loop {
        if let Ok((socket, _)) = connect_async(url).await {
            return socket;
        }
        sleep(LITTLE).await;
    }
}

/// Says something; `None` when the connection has ended.
pub async fn say(socket: &mut Socket, message: &Value) -> Option<()> {
    socket.send(Message::text(message.to_string())).await.ok()
}

/// The next message; `None` when the connection has ended.
pub async fn read(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(&text).ok(),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}
