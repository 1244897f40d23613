//! `doorstep canary`: signs in at the portal with a test account, once wrongly and once rightly, and says what
//! of the rules no longer fits.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::context::{Context, login};
use super::failure::Failure;
use crate::config::{Canary as Account, Config};
use crate::gate::login::{Answer, Asked, Judgement, judge, told};
use crate::gate::rules::{LoginRule, UsernameSource};
use crate::gate::whoami::Named;
use crate::gate::{JsonPointer, Login};
use crate::secret::{Redacted, random_id};
use crate::vault::Jar;

/// What may be said.
#[derive(Args)]
pub(super) struct Canary {
    /// The test account's name at the portal; default: [canary] login.
    #[arg(long, value_parser = login)]
    login: Option<Login>,
    /// A file with its password; default: [canary] `password_file`.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// One rule, tried.
struct Trial {
    path: String,
    faults: Vec<String>,
}

impl Canary {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        let config = context.config()?;
        let account = self.account(&config)?;
        let password = std::fs::read_to_string(&account.password_file)
            .map(|text| Redacted::new(text.trim_end_matches(['\r', '\n']).to_owned()))
            .map_err(|error| {
                Failure::Refused(format!(
                    "{} cannot be read: {error}",
                    account.password_file.display()
                ))
            })?;
        let bird = Bird::new(&config, &account, context).map_err(refused)?;
        let mut trials = Vec::new();
        for rule in &config.portal.rules.logins {
            trials.push(Trial {
                path: rule.path.as_str().to_owned(),
                faults: bird.try_rule(rule, &password).await,
            });
        }
        let sings = trials.iter().all(|trial| trial.faults.is_empty());
        let lines: Vec<String> = trials
            .iter()
            .flat_map(|trial| match trial.faults.as_slice() {
                [] => vec![format!(
                    "{}: a wrong password is refused and the right one accepted.",
                    trial.path
                )],
                faults => faults
                    .iter()
                    .map(|fault| format!("{}: {fault}", trial.path))
                    .collect(),
            })
            .collect();
        let answer = || {
            let rules: Vec<Value> = trials
                .iter()
                .map(|trial| json!({"path": trial.path, "faults": trial.faults}))
                .collect();
            json!({"fits": sings, "rules": rules})
        };
        context.screen.result(&lines.join("\n"), answer)?;
        if sings {
            return Ok(());
        }
        Err(Failure::Refused(
            "the portal's login no longer fits its rules; doorstep learn shows what it answers now".into(),
        ))
    }

    fn account(&self, config: &Config) -> Result<Account, Failure> {
        let configured = config.canary.as_ref();
        let login = self
            .login
            .clone()
            .or_else(|| configured.map(|canary| canary.login.clone()));
        let file = self
            .password_file
            .clone()
            .or_else(|| configured.map(|canary| canary.password_file.clone()));
        let (Some(login), Some(password_file)) = (login, file) else {
            let what = "name the test account: [canary] login and password_file in the configuration, or --login and --password-file";
            return Err(Failure::Usage(what.into()));
        };
        let (password_field, fields) = configured
            .map(|canary| (canary.password_field.clone(), canary.fields.clone()))
            .unwrap_or_default();
        Ok(Account {
            login,
            password_file,
            password_field,
            fields,
        })
    }
}

fn refused(error: anyhow::Error) -> Failure {
    Failure::Refused(format!("{error:#}"))
}

/// A client that speaks to the portal as the gateway does.
struct Bird<'a> {
    config: &'a Config,
    account: &'a Account,
    client: reqwest::Client,
    now: crate::clock::Timestamp,
}

/// An answer, read.
struct Heard {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Heard {
    fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            headers: &self.headers,
            body: Some(&self.body),
        }
    }
}

impl<'a> Bird<'a> {
    fn new(config: &'a Config, account: &'a Account, context: &Context) -> anyhow::Result<Self> {
        // One TLS provider in the process; a second call finds it set.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .no_proxy();
        if let Some(ca) = &config.portal.upstream.ca {
            let pem = std::fs::read(ca).with_context(|| format!("{} cannot be read", ca.display()))?;
            for certificate in reqwest::Certificate::from_pem_bundle(&pem)? {
                client = client.add_root_certificate(certificate);
            }
        }
        Ok(Self {
            config,
            account,
            client: client.build()?,
            now: context.now(),
        })
    }

    /// What does not fit.
    async fn try_rule(&self, rule: &LoginRule, password: &Redacted<String>) -> Vec<String> {
        let mut faults = Vec::new();
        // Wrong first: a portal that locks after the right one would tell nothing.
        let wrong = Redacted::new(format!("not-the-password-{}", random_id()));
        match self.sign_in(rule, &wrong).await {
            Ok((_, heard)) => match self.judged(rule, &heard) {
                Judgement::Refused => {}
                Judgement::Accepted => faults.push(format!(
                    "a wrong password fits success (status {}): everybody would be let in",
                    heard.status
                )),
                Judgement::Neither => faults.push(format!(
                    "a wrong password fits neither success nor failure (status {})",
                    heard.status
                )),
            },
            Err(error) => return vec![format!("cannot be tried: {error:#}")],
        }
        match self.sign_in(rule, password).await {
            Ok((jar, heard)) => match self.judged(rule, &heard) {
                Judgement::Accepted => {
                    faults.extend(self.identity_faults(rule, &jar, &heard, password).await)
                }
                Judgement::Refused => {
                    faults.push(format!(
                        "the right password is taken for refused (status {})",
                        heard.status
                    ));
                }
                Judgement::Neither => faults.push(format!(
                    "the right password fits neither success nor failure (status {})",
                    heard.status
                )),
            },
            Err(error) => faults.push(format!("cannot be tried: {error:#}")),
        }
        faults
    }

    fn judged(&self, rule: &LoginRule, heard: &Heard) -> Judgement {
        let asked = Asked {
            path_and_query: rule.path.as_str(),
            public: &self.config.listen.public_url.to_string(),
            upstream: &self.config.portal.upstream.origin.to_string(),
        };
        judge(rule, &asked, &heard.answer(), self.now)
    }

    /// Whether answer and probe name the test account.
    async fn identity_faults(
        &self,
        rule: &LoginRule,
        jar: &Jar,
        heard: &Heard,
        password: &Redacted<String>,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let said = told(rule, &heard.answer());
        if said.name.as_ref().is_some_and(Option::is_none) {
            faults.push("the accepted answer names nobody at the place that answer says".to_owned());
        }
        if rule.bearer.is_some() && said.bearer.is_none() {
            faults.push("the accepted answer has no token at the place that bearer says".to_owned());
        }
        let rules = &self.config.portal.rules;
        let sets_session = heard.headers.get_all(SET_COOKIE).iter().any(|line| {
            let name = line
                .to_str()
                .unwrap_or_default()
                .split('=')
                .next()
                .unwrap_or_default()
                .trim();
            rules.is_session_cookie(name)
        });
        if !rules.session_cookies.is_empty() && rule.success.sets_cookie.is_some() && !sets_session {
            faults.push("the accepted answer sets none of session_cookies".to_owned());
        }
        let Some(probe) = &rules.who_am_i else {
            return faults;
        };
        let authorization = match (&rule.username, &said.bearer) {
            (UsernameSource::Basic, _) => Some(self.basic(password)),
            (_, Some(bearer)) => Some(format!("Bearer {}", bearer.reveal())),
            _ => None,
        };
        match self.ask(Method::GET, &probe.path, jar, authorization, None).await {
            Ok(heard) => match probe.read(&heard.answer()) {
                Named::Somebody(name) if name == self.account.login => {}
                // An address for a login, for one: not the same words, and for the directory to know.
                Named::Somebody(name) => faults.extend((said.name.is_none()).then(|| {
                    format!(
                        "who-am-I names {name}, not {}: the directory must know it",
                        self.account.login
                    )
                })),
                Named::Nobody => faults.push("who-am-I names nobody after an accepted login".to_owned()),
                Named::Unknown => faults.push("who-am-I is not answered".to_owned()),
            },
            Err(error) => faults.push(format!("who-am-I cannot be asked: {error:#}")),
        }
        faults
    }

    fn basic(&self, password: &Redacted<String>) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.account.login, password.reveal()))
        )
    }

    /// Signs in by a rule; the jar afterwards, and the answer.
    async fn sign_in(&self, rule: &LoginRule, password: &Redacted<String>) -> anyhow::Result<(Jar, Heard)> {
        let path = rule.path.as_str();
        if path.contains('*') {
            bail!("the rule's path is a pattern; which page to sign in at is not known");
        }
        let mut jar = Jar::default();
        let target = match rule.where_query.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{}", encoded(&rule.where_query)),
        };
        if rule.username == UsernameSource::Basic {
            let heard = self
                .ask(rule.method.clone(), path, &jar, Some(self.basic(password)), None)
                .await?;
            return Ok((jar, heard));
        }
        let page = self.login_page(&target, &mut jar).await?;
        let (kind, body) = self.body(rule, password, &page)?;
        let heard = self
            .ask(rule.method.clone(), &target, &jar, None, Some((kind, body)))
            .await?;
        self.keep(&mut jar, path, &heard);
        Ok((jar, heard))
    }

    /// The form as the portal shows it: its hidden fields, and its password field's name.
    async fn login_page(&self, target: &str, jar: &mut Jar) -> anyhow::Result<Page> {
        let page = self.config.portal.rules.login_page.address(Some("/"));
        let shown = if self.config.portal.rules.login_page.0.is_empty() {
            target
        } else {
            &page
        };
        let heard = self.ask(Method::GET, shown, jar, None, None).await?;
        self.keep(jar, shown, &heard);
        Ok(Page::read(&String::from_utf8_lossy(&heard.body)))
    }

    fn keep(&self, jar: &mut Jar, path: &str, heard: &Heard) {
        let lines: Vec<String> = heard
            .headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok().map(str::to_owned))
            .collect();
        jar.store(&lines, path, &self.config.cookie_hosts());
    }

    fn body(
        &self,
        rule: &LoginRule,
        password: &Redacted<String>,
        page: &Page,
    ) -> anyhow::Result<(&'static str, Vec<u8>)> {
        let name = self.account.login.as_str();
        if let UsernameSource::Json(pointer) = &rule.username {
            return Ok(("application/json", self.json_body(rule, pointer, password)?));
        }
        let known = self
            .account
            .password_field
            .clone()
            .or_else(|| page.password.clone());
        let password_field = known.unwrap_or_else(|| "password".to_owned());
        let mut fields: Vec<(String, String)> = page.hidden.clone();
        fields.extend(rule.where_form.iter().cloned());
        fields.extend(self.account.fields.iter().cloned());
        if let Some(field) = rule.username.field() {
            fields.push((field.into_owned(), name.to_owned()));
        }
        fields.push((password_field, password.reveal().clone()));
        // Each once: the last one given counts.
        let mut once: Vec<(String, String)> = Vec::new();
        for (name, value) in fields {
            once.retain(|(known, _)| *known != name);
            once.push((name, value));
        }
        if matches!(rule.username, UsernameSource::Multipart(_)) {
            bail!("a multipart login is not tried yet");
        }
        Ok(("application/x-www-form-urlencoded", encoded(&once).into_bytes()))
    }

    /// The username at its pointer, the password beside it or where the configuration says, and what else is asked for.
    fn json_body(
        &self,
        rule: &LoginRule,
        username: &JsonPointer,
        password: &Redacted<String>,
    ) -> anyhow::Result<Vec<u8>> {
        let mut body = Value::Object(Map::new());
        put(
            &mut body,
            username.as_str(),
            Value::from(self.account.login.as_str()),
        )?;
        let beside = || "/password".to_owned();
        let place = self.account.password_field.clone().unwrap_or_else(beside);
        put(&mut body, &place, Value::from(password.reveal().as_str()))?;
        for (pointer, value) in &rule.where_json {
            put(&mut body, pointer.as_str(), serde_json::from_str(&value.shown())?)?;
        }
        for (name, value) in &self.account.fields {
            let pointer = if name.starts_with('/') {
                name.clone()
            } else {
                format!("/{name}")
            };
            put(&mut body, &pointer, Value::from(value.as_str()))?;
        }
        Ok(serde_json::to_vec(&body)?)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        jar: &Jar,
        authorization: Option<String>,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> anyhow::Result<Heard> {
        let public = &self.config.listen.public_url;
        let upstream = &self.config.portal.upstream.origin;
        let mut request = self
            .client
            .request(method, format!("{upstream}{path}"))
            .header(HOST, public.authority())
            .header(ACCEPT, "text/html,application/json,*/*;q=0.5")
            .header("X-Forwarded-Proto", public.scheme())
            .header("X-Forwarded-Host", public.authority())
            .header("X-Forwarded-Port", public.port().to_string());
        if let Some(cookie) = jar.header(path.split('?').next().unwrap_or(path)) {
            request = request.header(COOKIE, cookie);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some((kind, body)) = body {
            let from = if self.config.portal.rewrite_origin {
                upstream
            } else {
                public
            };
            request = request
                .header(CONTENT_TYPE, kind)
                .header(ORIGIN, from.to_string())
                .header("Referer", format!("{from}{path}"))
                .body(body);
        }
        let answer = request.send().await.context("the portal does not answer")?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.context("the portal broke off")?.to_vec();
        Ok(Heard {
            status,
            headers,
            body,
        })
    }
}

fn encoded(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Puts a value at a pointer, making objects on the way.
fn put(body: &mut Value, pointer: &str, value: Value) -> anyhow::Result<()> {
    JsonPointer::parse(pointer).map_err(anyhow::Error::msg)?;
    let mut here = body;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let Value::Object(members) = here else {
            bail!("{pointer} does not fit the other fields of the login");
        };
        here = members.entry(key).or_insert_with(|| Value::Object(Map::new()));
    }
    *here = value;
    Ok(())
}

/// What of a login page matters.
#[derive(Default)]
struct Page {
    hidden: Vec<(String, String)>,
    password: Option<String>,
}

impl Page {
    /// The form that has a password field, else all hidden fields there are.
    fn read(html: &str) -> Self {
        let Ok(dom) = tl::parse(html, tl::ParserOptions::default()) else {
            return Self::default();
        };
        let parser = dom.parser();
        let forms = dom.query_selector("form").into_iter().flatten();
        let mut pages: Vec<Self> = forms
            .filter_map(|form| form.get(parser)?.as_tag()?.query_selector(parser, "input"))
            .map(|inputs| {
                let tags = inputs.filter_map(|input| input.get(parser)?.as_tag());
                Self::of(tags.map(|tag| (text(tag, "type"), text(tag, "name"), text(tag, "value"))))
            })
            .collect();
        let with_password = pages.iter().position(|page| page.password.is_some());
        match with_password {
            Some(place) => pages.swap_remove(place),
            None => Self::default(),
        }
    }

    fn of(inputs: impl Iterator<Item = (Option<String>, Option<String>, Option<String>)>) -> Self {
        let mut page = Self::default();
        for (kind, name, value) in inputs {
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                continue;
            };
            match kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
                Some("hidden") => page.hidden.push((name, value.unwrap_or_default())),
                Some("password") => page.password = page.password.or(Some(name)),
                _ => {}
            }
        }
        page
    }
}

/// An attribute, its references to characters resolved as far as tokens use them.
fn text(tag: &tl::HTMLTag<'_>, name: &str) -> Option<String> {
    let value = tag.attributes().get(name)??.as_utf8_str();
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_with_a_password_field_is_the_login() {
        let page = Page::read(
            "<form><input type=hidden name=q value=search></form>\
             <form method=post><input type=hidden name=csrf value='a&amp;b'><input name=email>\
             <input type='PASSWORD' name=pass><input type=submit name=go></form>",
        );
        assert_eq!(page.password.as_deref(), Some("pass"));
        assert_eq!(page.hidden, [("csrf".to_owned(), "a&b".to_owned())]);
    }

    #[test]
    fn a_json_login_is_built_from_pointers() {
        let mut body = Value::Object(Map::new());
        put(&mut body, "/user/name", "anna".into()).unwrap();
        put(&mut body, "/user/secret", "x".into()).unwrap();
        put(&mut body, "/a~1b", "y".into()).unwrap();
        assert_eq!(body, json!({"user": {"name": "anna", "secret": "x"}, "a/b": "y"}));
        assert!(put(&mut body, "/a~1b/c", "z".into()).is_err());
    }
}
