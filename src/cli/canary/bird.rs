//! The canary itself: a client that speaks to the portal as the gateway does, and judges with the gateway's own
//! matchers.

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::{HeaderMap, Method};

use super::form::{Body, Page, body, encoded};
use crate::cli::context::Context;
use crate::config::{Canary as Account, Config};
use crate::gate::login::{Answer, Asked, Judgement, judge, told};
use crate::gate::rules::{LoginRule, UsernameSource};
use crate::gate::whoami::Named;
use crate::secret::{Redacted, random_id};
use crate::vault::Jar;

/// A client that speaks to the portal as the gateway does.
pub(super) struct Bird<'a> {
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
    pub(super) fn new(config: &'a Config, account: &'a Account, context: &Context) -> anyhow::Result<Self> {
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
    pub(super) async fn try_rule(&self, rule: &LoginRule, password: &Redacted<String>) -> Vec<String> {
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
        // Some portals give the session's cookie with the login page already.
        let sent = jar.header(rule.path.as_str()).unwrap_or_default();
        let mut names = sent.split("; ").filter_map(|pair| pair.split('=').next());
        let none = !names.any(|name| rules.is_session_cookie(name));
        if !rules.session_cookies.is_empty() && rule.success.sets_cookie.is_some() && none {
            faults.push("after the accepted answer there is none of session_cookies".to_owned());
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
        let body = body(rule, self.account, password, &page)?;
        let heard = self
            .ask(rule.method.clone(), &target, &jar, None, Some(body))
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

    async fn ask(
        &self,
        method: Method,
        path: &str,
        jar: &Jar,
        authorization: Option<String>,
        body: Option<Body>,
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
        if let Some(body) = body {
            let from = if self.config.portal.rewrite_origin {
                upstream
            } else {
                public
            };
            request = request
                .header(CONTENT_TYPE, body.kind)
                .header(ORIGIN, from.to_string())
                .header("Referer", format!("{from}{path}"))
                .body(body.bytes);
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
