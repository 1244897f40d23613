//! `doorstep session`: who is signed in, and ending that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{Context, firm_id, login, ops};
use super::failure::Failure;
use crate::clock::Timestamp;
use crate::config::{Config, StoreSettings};
use crate::directory::RevokeScope;
use crate::gate::{FirmId, Login};
use crate::sessions::{RedisStore, SessionFilter, SessionRecord, SessionStore};
use crate::views;

/// What may be done with sessions.
#[derive(Subcommand)]
pub(super) enum Session {
    /// Lists live sessions. With the store in memory, the running gateway is asked.
    List(List),
    /// Ends sessions, within a second and on every gateway.
    Revoke(Revoke),
}

#[derive(Args)]
pub(super) struct List {
    /// Only this employee's.
    #[arg(long, value_parser = login, conflicts_with = "firm")]
    login: Option<Login>,
    /// Only those of this firm's people.
    #[arg(long, value_name = "ID", value_parser = firm_id)]
    firm: Option<FirmId>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Revoke {
    /// The session, by its id in the listing.
    id: Option<String>,
    /// All of this employee's.
    #[arg(long, value_parser = login)]
    login: Option<Login>,
    /// All of this firm's people's.
    #[arg(long, value_name = "ID", value_parser = firm_id)]
    firm: Option<FirmId>,
    /// Everybody's.
    #[arg(long)]
    all: bool,
}

impl Session {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.apply(context).await,
            Self::Revoke(revoke) => revoke.apply(context).await,
        }
    }
}

impl List {
    async fn apply(self, context: &Context) -> Result<(), Failure> {
        let config = context.config()?;
        let filter = SessionFilter {
            login: self.login,
            firm: self.firm,
        };
        let items = match open_store(&config).await? {
            Some(store) => {
                let records = store.list(&filter, context.now()).await?;
                records.iter().map(to_json).collect()
            }
            None => ask_gateway(&config, &filter).await?,
        };
        let heads = ["id", "login", "firm", "level", "address", "since", "last_seen"];
        let rows: Vec<Vec<String>> = items.iter().map(|item| row(item, &heads)).collect();
        context
            .screen
            .listing(&heads, &rows, || Value::Array(items.clone()))
    }
}

/// The store, where a process beside the gateway can reach it; `None`: it is the gateway's memory.
pub(super) async fn open_store(config: &Config) -> Result<Option<Arc<dyn SessionStore>>, Failure> {
    match &config.sessions.store {
        StoreSettings::Memory => Ok(None),
        StoreSettings::Redis(url) => Ok(Some(Arc::new(RedisStore::connect(url.reveal()).await?))),
    }
}

/// A session as every JSON of doorstep shows it.
fn to_json(record: &SessionRecord) -> Value {
    views::json(&views::Session::of(record))
}

fn row(item: &Value, heads: &[&str]) -> Vec<String> {
    heads
        .iter()
        .map(|head| match item.get(head) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        })
        .collect()
}

/// Asks the running gateway, page by page.
async fn ask_gateway(config: &Config, filter: &SessionFilter) -> Result<Vec<Value>, Failure> {
    let token_file = config.ops.token_file.as_ref().ok_or_else(|| {
        Failure::Refused(
            "with store = \"memory\" only the running gateway knows its sessions, and it is asked with the token of [ops] token_file, which is not given".into(),
        )
    })?;
    let token = std::fs::read_to_string(token_file)
        .map_err(|error| Failure::Refused(format!("[ops] token_file {}: {error}", token_file.display())))?;
    let address = reachable(config.ops.address);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_secs(10))
        .build()
        .map_err(|error| Failure::Refused(format!("no HTTP client: {error}")))?;
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let url = page_url(address, filter, cursor.as_deref());
        let answer = client.get(url).bearer_auth(token.trim_end()).send().await.map_err(|_| {
            Failure::Refused(format!(
                "with store = \"memory\" only the running gateway knows its sessions, and none answers on [ops] address {address}. Start it with: doorstep run"
            ))
        })?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Failure::Refused(format!(
                "the gateway on {address} answered {status}; is [ops] token_file the one it was started with?"
            )));
        }
        let strange = || Failure::Refused(format!("what answers on {address} is no doorstep gateway"));
        let body = answer.bytes().await.map_err(|_| strange())?;
        let page: Value = serde_json::from_slice(&body).map_err(|_| strange())?;
        let listed = page.get("items").and_then(Value::as_array).ok_or_else(strange)?;
        items.extend(listed.iter().cloned());
        match page.get("next").and_then(Value::as_str) {
            Some(next) if !listed.is_empty() => cursor = Some(next.to_owned()),
            _ => return Ok(items),
        }
    }
}

fn page_url(address: SocketAddr, filter: &SessionFilter, cursor: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(login) = &filter.login {
        query.append_pair("login", login.as_str());
    }
    if let Some(firm) = &filter.firm {
        query.append_pair("firm", firm.as_str());
    }
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    format!("http://{address}/v1/sessions?{}", query.finish())
}

/// A gateway bound to every address is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    SocketAddr::new(ip, address.port())
}

impl Revoke {
    fn scope(self) -> Result<RevokeScope, Failure> {
        if let Some(login) = self.login {
            return Ok(RevokeScope::Employee(login));
        }
        if let Some(firm) = self.firm {
            return Ok(RevokeScope::Firm(firm));
        }
        match self.id {
            // The public id is 32 hexadecimal digits; anything else would be recorded and end nothing.
            Some(id)
                if id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) =>
            {
                Ok(RevokeScope::Session(id))
            }
            Some(id) => Err(Failure::Usage(format!(
                "{id:?} is no session's id, which is 32 hexadecimal digits. See: doorstep session list"
            ))),
            None => Ok(RevokeScope::All),
        }
    }

    async fn apply(self, context: &Context) -> Result<(), Failure> {
        let scope = self.scope()?;
        let (config, directory) = context.directory().await?;
        let now: Timestamp = context.now();
        let keep_until = now.plus(config.sessions.absolute_timeout);
        directory.revoke_sessions(&ops(), &scope, keep_until, now).await?;
        let whose = match &scope {
            RevokeScope::Session(id) => format!("the session {id}"),
            RevokeScope::Employee(login) => format!("all sessions of {login}"),
            RevokeScope::Firm(firm) => format!("all sessions of the people of {firm}"),
            RevokeScope::All => "all sessions".to_owned(),
        };
        let sentence = format!("Revoked {whose}; gateways end them within a second.");
        context.screen.result(
            &sentence,
            || json!({"revoked": true, "scope": scope_json(&scope)}),
        )
    }
}

fn scope_json(scope: &RevokeScope) -> Value {
    match scope {
        RevokeScope::Session(id) => json!({"id": id}),
        RevokeScope::Employee(login) => json!({"login": login.as_str()}),
        RevokeScope::Firm(firm) => json!({"firm": firm}),
        RevokeScope::All => json!({"all": true}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_asked_for_what_was_asked() {
        let filter = SessionFilter {
            login: Some(Login::parse("anna+x@corp-a.example").unwrap()),
            firm: None,
        };
        let address = reachable("0.0.0.0:9443".parse().unwrap());
        assert_eq!(
            page_url(address, &filter, Some("a&b")),
            "http://127.0.0.1:9443/v1/sessions?login=anna%2Bx%40corp-a.example&cursor=a%26b"
        );
    }
}
