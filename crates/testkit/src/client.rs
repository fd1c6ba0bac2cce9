//! A NIP-01 client that notices everything.

use std::{collections::VecDeque, time::Duration};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::{EventBuilder, event};

/// How long anything may take. Generous: it bounds a failing test, no passing one waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A websocket to a relay.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Messages that came while something else was waited for.
    waiting: VecDeque<Value>,
    /// The NIP-42 challenge: the id of the connection.
    pub challenge: String,
    /// Where it is connected to.
    url: String,
}

/// `["OK",<id>,<accepted>,<message>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OkReply {
    /// Hex of the event's id.
    pub id: String,
    /// Whether it was taken.
    pub accepted: bool,
    /// Reason with its prefix.
    pub message: String,
}

impl Client {
    /// Connects and takes the challenge.
    pub async fn connect(url: &str) -> Self {
        Self::connect_with(url, &[]).await
    }

    /// The same with further headers.
    pub async fn connect_with(url: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut client = Self::open(url, headers).await;
        let auth = client.next().await;
        assert_eq!(auth[0], "AUTH", "{auth}");
        auth[1]
            .as_str()
            .expect("a challenge")
            .clone_into(&mut client.challenge);
        client
    }

    /// Connects where the relay may close at once.
    pub async fn open(url: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, value.parse().expect("a header"));
        }
        let (socket, _) = connect_async(request)
            .await
            .expect("the relay accepts a websocket");
        Self {
            socket,
            waiting: VecDeque::new(),
            challenge: String::new(),
            url: url.to_owned(),
        }
    }

    /// After [`Self::open`]: whether the relay greets with the challenge. Else it closes.
    pub async fn is_welcome(&mut self) -> bool {
        let first = tokio::time::timeout(PATIENCE, self.socket.next())
            .await
            .expect("the relay says something");
        matches!(first, Some(Ok(Message::Text(_))))
    }

    /// Sends any text.
    pub async fn send(&mut self, text: impl ToString) {
        self.socket
            .send(Message::text(text.to_string()))
            .await
            .expect("the relay takes a message");
    }

    /// The same where the relay may end the connection before it has read all of it.
    pub async fn offer(&mut self, text: impl ToString) {
        let _ended = self.socket.send(Message::text(text.to_string())).await;
    }

    /// Sends any frame.
    pub async fn send_frame(&mut self, frame: Message) {
        self.socket.send(frame).await.expect("the relay takes a frame");
    }

    /// The next message, whatever it is.
    pub async fn next(&mut self) -> Value {
        if let Some(message) = self.waiting.pop_front() {
            return message;
        }
        self.receive().await
    }

    async fn receive(&mut self) -> Value {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("the relay says something");
            match frame.expect("the connection is open").expect("a frame") {
                Message::Text(text) => return serde_json::from_str(&text).expect("the relay speaks JSON"),
                Message::Close(frame) => panic!("the relay closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next message of a verb; others wait.
    pub async fn expect(&mut self, verb: &str) -> Value {
        self.first(|message| message[0] == verb).await
    }

    /// The first message that is meant; others wait.
    async fn first(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.waiting.iter().position(&is_meant) {
            return self.waiting.remove(at).expect("it was found");
        }
        loop {
            let message = self.receive().await;
            if is_meant(&message) {
                return message;
            }
            self.waiting.push_back(message);
        }
    }

    /// Publishes an event and waits for its OK.
    pub async fn publish(&mut self, event: &Value) -> OkReply {
        self.send(json!(["EVENT", event])).await;
        self.ok_for(event).await
    }

    /// The OK for an event.
    pub async fn ok_for(&mut self, event: &Value) -> OkReply {
        let ok = self
            .first(|message| message[0] == "OK" && message[1] == event["id"])
            .await;
        OkReply {
            id: ok[1].as_str().expect("an id").to_owned(),
            accepted: ok[2].as_bool().expect("a flag"),
            message: ok[3].as_str().expect("a message").to_owned(),
        }
    }

    /// Publishes an event that has to be accepted.
    pub async fn accepted(&mut self, event: &Value) {
        let ok = self.publish(event).await;
        assert!(ok.accepted, "{ok:?}");
    }

    /// The NIP-42 event that proves somebody's key on this connection.
    pub fn proof(&self, name: &str) -> EventBuilder {
        self.proof_for(&self.url, name)
    }

    /// The same for a relay that is known by another URL.
    pub fn proof_for(&self, url: &str, name: &str) -> EventBuilder {
        event(22_242)
            .by(name)
            .tag(["relay", url])
            .tag(["challenge", &self.challenge])
    }

    /// Sends AUTH and waits for its OK.
    pub async fn auth(&mut self, proof: &Value) -> OkReply {
        self.send(json!(["AUTH", proof])).await;
        self.ok_for(proof).await
    }

    /// Proves somebody's key.
    pub async fn authenticate(&mut self, name: &str) {
        let url = self.url.clone();
        self.authenticate_at(&url, name).await;
    }

    /// Proves somebody's key to a relay that is known by another URL.
    pub async fn authenticate_at(&mut self, url: &str, name: &str) {
        let proof = self.proof_for(url, name).sign();
        let ok = self.auth(&proof).await;
        assert!(ok.accepted, "{ok:?}");
    }

    /// Sends a REQ or COUNT that has to be refused; the reason.
    pub async fn refused(&mut self, verb: &str, filters: &[Value]) -> String {
        let mut message = vec![json!(verb), json!("refused")];
        message.extend_from_slice(filters);
        self.send(Value::Array(message)).await;
        let answer = self.first(|message| message[1] == "refused").await;
        assert_eq!(answer[0], "CLOSED", "{answer}");
        answer[2].as_str().expect("a reason").to_owned()
    }

    /// How many events match.
    pub async fn count(&mut self, filters: &[Value]) -> u64 {
        let mut message = vec![json!("COUNT"), json!("count")];
        message.extend_from_slice(filters);
        self.send(Value::Array(message)).await;
        let answer = self.first(|message| message[1] == "count").await;
        assert_eq!(answer[0], "COUNT", "{answer}");
        answer[2]["count"].as_u64().expect("a number")
    }

    /// Subscribes; stored events until EOSE.
    pub async fn req(&mut self, subscription: &str, filters: &[Value]) -> Vec<Value> {
        self.start(subscription, filters).await;
        self.until_eose(subscription).await.0
    }

    /// Sends a REQ.
    pub async fn start(&mut self, subscription: &str, filters: &[Value]) {
        let mut req = vec![json!("REQ"), json!(subscription)];
        req.extend_from_slice(filters);
        self.send(Value::Array(req)).await;
    }

    /// Stored events until EOSE, and the EOSE.
    pub async fn until_eose(&mut self, subscription: &str) -> (Vec<Value>, Value) {
        let mut events = Vec::new();
        loop {
            let mut message = self.next().await;
            assert_eq!(message[1], subscription, "{message}");
            match message[0].as_str() {
                Some("EVENT") => events.push(message[2].take()),
                Some("EOSE") => return (events, message),
                _ => panic!("EVENT or EOSE expected: {message}"),
            }
        }
    }

    /// The next live event of a subscription.
    pub async fn live(&mut self, subscription: &str) -> Value {
        let mut message = self.expect("EVENT").await;
        assert_eq!(message[1], subscription, "{message}");
        message[2].take()
    }

    /// How the relay closes the connection.
    pub async fn closed(&mut self) -> CloseFrame {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("the relay closes");
            match frame {
                Some(Ok(Message::Close(Some(frame)))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("closed without a code: {other:?}"),
            }
        }
    }

    /// Whether the connection ends, with or without a farewell.
    pub async fn ends(&mut self) -> bool {
        let ending = async {
            while let Some(Ok(frame)) = self.socket.next().await {
                if frame.is_close() {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, ending).await.is_ok()
    }

    /// Closes the connection.
    pub async fn leave(mut self) {
        // It may be closed already.
        let _closed = self.socket.close(None).await;
    }
}
