//! What the demo prints: addresses, accounts, and a story to play in a minute.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::seed::{FIRMS, Person};

/// Where the demo's parts listen.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The gateway: the portal as its people reach it.
    pub gateway: SocketAddr,
    /// The phones page.
    pub phones: SocketAddr,
    /// The portal itself, which only the gateway would reach in earnest.
    pub portal: SocketAddr,
    /// Health and metrics.
    pub ops: SocketAddr,
}

/// The device whose log the story's deep link opens: one of the second firm's.
const DEEP_LINK: &str = "/devices/7?tab=log";

impl Addresses {
    /// The story as text, for people.
    pub fn text(&self, people: &[Person]) -> String {
        let mut text =
            String::from("\ndoorstep demo: all on this computer; Ctrl-C ends it and removes everything.\n\n");
        let gateway = format!("http://{}", self.gateway);
        for (what, address, note) in [
            ("The portal, behind doorstep", format!("{gateway}/"), ""),
            ("Phones of its people", format!("http://{}/", self.phones), ""),
            (
                "The bare portal",
                format!("http://{}/", self.portal),
                "  (in earnest only doorstep reaches it)",
            ),
            ("Health, metrics", format!("http://{}/metrics", self.ops), ""),
        ] {
            let _ = writeln!(text, "  {what:<28} {address}{note}");
        }
        let _ = writeln!(
            text,
            "\n  {:<8} {:<11} {:<22} {:<11} second factor",
            "firm", "two-factor", "sign in as", "password"
        );
        for person in people {
            let state = if person.firm.two_factor { "on" } else { "off" };
            let factors = match &person.key {
                Some(key) => format!("key ({} digits, {} s) or SMS", key.shape.digits, key.shape.period),
                None => "SMS".to_owned(),
            };
            let (firm, login, password) = (person.firm.id, person.login, person.password);
            let _ = writeln!(
                text,
                "  {firm:<8} {state:<11} {login:<22} {password:<11} {factors}"
            );
        }
        let _ = write!(
            text,
            "
A story for a minute, with the portal and the phones side by side:

  1. Firm off    Sign in as bob@corp-b.example, bob-demo. You are in; nothing else is asked.
  2. Firm on     On the phones page switch Corp B on. Click anything in the portal: it asks who you are.
  3. Wrong key   Type 000000. It is refused, and the page says how many tries are left.
  4. Right key   Type the key that ticks on Bob's phone, or let an SMS come and type its token. You are
                 where you were going.
  5. Push        Sign out. On the phones page press Add a phone on Bob's phone, add it there, and
                 sign in as Bob again: type the two digits on his phone page and swipe.
  6. Deep link   Sign out, then open {gateway}{DEEP_LINK}
                 and sign in again: after the second factor that page opens.

"
        );
        text
    }

    /// The same for scripts.
    pub fn json(&self, people: &[Person]) -> Value {
        let accounts: Vec<_> = people
            .iter()
            .map(|person| {
                json!({
                    "login": person.login,
                    "password": person.password,
                    "name": person.name,
                    "firm": person.firm.id,
                    "role": person.role.as_str(),
                    "phone": person.phone,
                    "totp": person.key.is_some(),
                })
            })
            .collect();
        let firms: Vec<_> = FIRMS
            .iter()
            .map(|firm| json!({ "id": firm.id, "name": firm.name, "two_factor": firm.two_factor }))
            .collect();
        json!({
            "portal": format!("http://{}", self.gateway),
            "phones": format!("http://{}", self.phones),
            "bare_portal": format!("http://{}", self.portal),
            "ops": format!("http://{}", self.ops),
            "firms": firms,
            "accounts": accounts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::portal::{PortalApp, portal_router};
    use super::super::seed::{accounts, people};
    use super::*;
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use tower::ServiceExt as _;

    fn addresses() -> Addresses {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Addresses {
            gateway: at(8080),
            phones: at(2),
            portal: at(3),
            ops: at(4),
        }
    }

    #[test]
    fn the_story_names_every_address_and_account_and_its_columns_stand_below_each_other() {
        let people = people().unwrap();
        let text = addresses().text(&people);
        for port in ["8080/", "2/", "3/", "4/metrics"] {
            assert!(text.contains(&format!("http://127.0.0.1:{port}")), "{port}");
        }
        let lines: Vec<_> = text.lines().collect();
        let head = lines.iter().find(|line| line.contains("sign in as")).unwrap();
        for person in &people {
            let line = lines.iter().find(|line| line.contains(person.login)).unwrap();
            for (title, cell) in [("sign in as", person.login), ("password", person.password)] {
                let at = line.match_indices(cell).map(|(at, _)| at);
                assert_eq!(at.last(), head.find(title), "{line}");
            }
        }
        assert!(lines.iter().all(|line| line.chars().count() <= 110));
    }

    #[test]
    fn the_json_names_the_same() {
        let people = people().unwrap();
        let json = addresses().json(&people);
        assert_eq!(json["portal"], "http://127.0.0.1:8080");
        assert_eq!(json["accounts"].as_array().unwrap().len(), people.len());
        assert_eq!(json["firms"][1]["two_factor"], false);
    }

    #[tokio::test]
    async fn the_storys_login_and_deep_link_are_there() {
        let router = portal_router(PortalApp::new(accounts(&people().unwrap())));
        let login = Request::post("/login")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("email=bob%40corp-b.example&password=bob-demo"))
            .unwrap();
        let answer = router.clone().oneshot(login).await.unwrap();
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = Request::get(DEEP_LINK)
            .header(header::COOKIE, cookie)
            .body(Body::empty())
            .unwrap();
        assert_eq!(router.oneshot(page).await.unwrap().status(), StatusCode::OK);
    }
}
