use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Incoming, State};
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::directory::Phone;
use crate::secret::Redacted;

const TEXT: &str = "Say \"123456\" & go.\n@portal.example.com #123456";
const SECRET: &str = "canary-secret";

/// What a service was sent: request line's path and query, `Authorization`, body.
type Seen = Arc<Mutex<Vec<(String, String, String)>>>;

/// A service that answers with these statuses in turn, then 200; 0 hangs.
#[derive(Clone, Default)]
struct Service {
    seen: Seen,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Service {
    async fn start(answers: &[u16]) -> (Self, SocketAddr) {
        let service = Self {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            ..Self::default()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(record).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (service, address)
    }

    fn requests(&self) -> Vec<(String, String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn record(State(service): State<Service>, request: Incoming) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 65_536).await.unwrap();
    let authorization = parts.headers.get("authorization");
    service.seen.lock().unwrap().push((
        parts.uri.to_string(),
        authorization.map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
        String::from_utf8(body.to_vec()).unwrap(),
    ));
    let answer = service.answers.lock().unwrap().pop_front().unwrap_or(200);
    if answer == 0 {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(answer).unwrap();
    (
        status,
        [("Location", "/elsewhere")],
        format!("{SECRET} said no to {TEXT}"),
    )
        .into_response()
}

fn template(address: SocketAddr) -> HttpTemplate {
    HttpTemplate {
        method: http::Method::POST,
        url: format!("http://{address}/send?to={{to}}"),
        headers: vec![
            (http::header::CONTENT_TYPE, "application/json".to_owned()),
            (http::header::AUTHORIZATION, "Bearer {secret}".to_owned()),
        ],
        body: r#"{"to":"{to}","text":"{text}","token":"{token}"}"#.to_owned(),
        success_status: vec![200, 202],
        secret: Some(Redacted::new(SECRET.to_owned())),
    }
}

async fn send(sender: &HttpSender) -> Result<(), SendError> {
    let to = Phone::parse("+14155550102", None).unwrap();
    let message = TokenMessage {
        to: &to,
        token: "123456",
        text: TEXT,
    };
    let sent = sender.send(&message).await;
    if let Err(error) = &sent {
        let shown = format!("{error} {error:?}");
        for secret in [SECRET, "4155550102", "123456", "127.0.0.1"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    sent
}

#[tokio::test]
async fn a_message_with_quotes_arrives_as_it_was_written() {
    let (service, address) = Service::start(&[200, 202]).await;
    let sender = HttpSender::new(&template(address)).unwrap();
    assert_eq!(send(&sender).await, Ok(()));
    assert_eq!(send(&sender).await, Ok(()));
    let requests = service.requests();
    assert_eq!(requests.len(), 2);
    let (uri, authorization, body) = &requests[0];
    assert_eq!(uri, "/send?to=%2B14155550102");
    assert_eq!(authorization, "Bearer canary-secret");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let expected = serde_json::json!({"to": "+14155550102", "text": TEXT, "token": "123456"});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn each_answer_means_sent_refused_or_unavailable_and_is_asked_for_once() {
    for (status, expected) in [
        (200, "sent"),
        (201, "unavailable"),
        (302, "unavailable"),
        (307, "unavailable"),
        (400, "refused"),
        (401, "refused"),
        (429, "unavailable"),
        (500, "unavailable"),
        (503, "unavailable"),
    ] {
        let (service, address) = Service::start(&[status]).await;
        let sent = send(&HttpSender::new(&template(address)).unwrap()).await;
        let got = match sent {
            Ok(()) => "sent",
            Err(SendError::Refused(_)) => "refused",
            Err(SendError::Unavailable(_)) => "unavailable",
            Err(SendError::Unanswered(_)) => "unanswered",
        };
        assert_eq!(got, expected, "{status}");
        assert_eq!(service.requests().len(), 1, "{status}: no retry, no redirect");
    }
}

#[tokio::test]
async fn without_statuses_any_2xx_means_sent() {
    let (_service, address) = Service::start(&[204, 304]).await;
    let mut any = template(address);
    any.success_status.clear();
    let sender = HttpSender::new(&any).unwrap();
    assert_eq!(send(&sender).await, Ok(()));
    assert!(send(&sender).await.is_err());
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up_and_not_asked_twice() {
    let (service, address) = Service::start(&[0]).await;
    let sender = HttpSender::new(&template(address))
        .unwrap()
        .with_timeout(Duration::from_millis(300));
    let before = Instant::now();
    assert!(matches!(send(&sender).await, Err(SendError::Unanswered(_))));
    assert!(before.elapsed() < Duration::from_secs(3));
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_tried_once_more() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sender = HttpSender::new(&template(address)).unwrap();
    let before = Instant::now();
    assert!(matches!(send(&sender).await, Err(SendError::Unavailable(_))));
    assert!(
        before.elapsed() >= Duration::from_millis(50),
        "the pause before the second try"
    );
}

#[tokio::test]
async fn after_five_failures_in_a_row_the_service_is_left_alone() {
    let (service, address) = Service::start(&[500; 5]).await;
    let mut sender = HttpSender::new(&template(address)).unwrap();
    sender.breaker = Breaker::new(FAILURES_IN_A_ROW, Duration::from_millis(200));
    for _ in 0..5 {
        assert!(send(&sender).await.is_err());
    }
    assert!(matches!(send(&sender).await, Err(SendError::Unavailable(_))));
    assert_eq!(service.requests().len(), 5, "the sixth was not asked for");
    let until = Instant::now() + Duration::from_secs(5);
    while send(&sender).await.is_err() {
        assert!(Instant::now() < until, "the trial never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(service.requests().len(), 6, "one trial, and it went well");
}
