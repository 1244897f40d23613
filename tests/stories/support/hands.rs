//! What hands do beyond a click, and what becomes of a connection meanwhile.

use http::Method;
use serde_json::{Value, json};

use super::webdriver::Chromium;
use super::{PATIENCE, until};

impl Chromium {
    async fn act(&self, actions: Value) {
        let done = self
            .call(Method::POST, "/actions", json!({"actions": actions}))
            .await;
        assert!(done.is_null(), "{done}");
    }

    /// Drags from an element's left end to its right end, as a thumb would, or only `share` of the way.
    pub async fn drag(&self, css: &str, share: f64) {
        self.element(css).await;
        let place = self
            .script(&format!(
                "const found = document.querySelector({css:?}); found.scrollIntoView({{block: 'center'}}); \
                 const at = found.getBoundingClientRect(); \
                 return [at.left, at.top + at.height / 2, at.width];"
            ))
            .await;
        let number = |index: usize| place[index].as_f64().unwrap_or_default();
        let (left, middle, width) = (number(0), number(1), number(2));
        #[allow(clippy::cast_possible_truncation)]
        let move_to = |x: f64, time: u32| json!({"type": "pointerMove", "duration": time, "x": x.round() as i64, "y": middle.round() as i64});
        self.act(json!([{
            "type": "pointer", "id": "thumb", "parameters": {"pointerType": "touch"},
            "actions": [
                move_to(left + 20.0, 0),
                {"type": "pointerDown", "button": 0},
                move_to(left + 20.0 + (width - 40.0) * share / 2.0, 150),
                move_to(left + 20.0 + (width - 40.0) * share, 150),
                {"type": "pointerUp", "button": 0},
            ],
        }]))
        .await;
    }

    /// Puts the focus on an element and holds a key down until [`Self::let_go`].
    pub async fn hold(&self, css: &str, key: &str) {
        self.element(css).await;
        self.script(&format!("document.querySelector({css:?}).focus()"))
            .await;
        self.act(json!([{"type": "key", "id": "keys", "actions": [{"type": "keyDown", "value": key}]}]))
            .await;
    }

    /// Lets go of what is held.
    pub async fn let_go(&self) {
        self.call(Method::DELETE, "/actions", Value::Null).await;
    }

    /// Goes on in the window that was opened last, once there is another one.
    pub async fn newest_window(&self) {
        let opened = || async {
            let handles = self.call(Method::GET, "/window/handles", Value::Null).await;
            let handles = handles.as_array().cloned().unwrap_or_default();
            (handles.len() > 1).then(|| handles.last().cloned()).flatten()
        };
        let newest = until("a window opens", PATIENCE, opened).await;
        self.call(Method::POST, "/window", json!({"handle": newest}))
            .await;
    }

    async fn devtools(&self, command: &str, params: Value) {
        let body = json!({"cmd": command, "params": params});
        let done = self.call(Method::POST, "/goog/cdp/execute", body).await;
        assert!(done["error"].is_null(), "{command}: {done}");
    }

    /// Cuts the connection, or brings it back.
    pub async fn offline(&self, cut: bool) {
        self.devtools("Network.enable", json!({})).await;
        let conditions =
            json!({"offline": cut, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.devtools("Network.emulateNetworkConditions", conditions)
            .await;
    }

    /// Lets no request to such an address through from now on.
    pub async fn block(&self, pattern: &str) {
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setBlockedURLs", json!({"urls": [pattern]}))
            .await;
    }
}
