//! A portal's rules, for tests.

use std::time::Duration;

use http::Method;

use super::Glob;
use super::rules::{Anonymous, Criterion, LoginPage, LoginRule, Matcher, PortalRules, UsernameSource};

pub(super) fn glob(source: &str) -> Glob {
    Glob::parse(source).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// An entry of `public` or `logout`.
pub(super) fn entry(path: &str, methods: &[Method]) -> Matcher {
    Matcher {
        path: glob(path),
        methods: methods.to_vec(),
        query: Vec::new(),
        form: Vec::new(),
        fields: Vec::new(),
    }
}

impl Matcher {
    pub(super) fn with_query(mut self, query: &[(&str, &str)]) -> Self {
        self.query = pairs(query);
        self
    }

    pub(super) fn with_form(mut self, form: &[(&str, &str)]) -> Self {
        self.form = pairs(form);
        self
    }
}

/// A login rule that reads `email` and takes a redirect elsewhere for success.
pub(super) fn login_rule(path: &str) -> LoginRule {
    LoginRule {
        method: Method::POST,
        path: glob(path),
        where_query: Vec::new(),
        where_form: Vec::new(),
        where_json: Vec::new(),
        username: UsernameSource::Form("email".into()),
        everywhere: false,
        password: "password".into(),
        answer: None,
        bearer: None,
        success: Criterion {
            status: vec![302, 303],
            location_not: Some(glob("/login**")),
            ..Criterion::default()
        },
        failure: None,
        from: Vec::new(),
        request_limit: 64 * 1024,
        answer_limit: 1024 * 1024,
        timeout: Duration::from_secs(30),
    }
}

impl LoginRule {
    pub(super) fn with_where(mut self, query: &[(&str, &str)], form: &[(&str, &str)]) -> Self {
        self.where_query = pairs(query);
        self.where_form = pairs(form);
        self
    }

    pub(super) fn with_field(mut self, name: &str) -> Self {
        self.username = UsernameSource::Form(name.to_owned());
        self
    }
}

/// A portal with one login at `/login`, a wiki's login at `/doku.php?do=login`, and one that a form field
/// tells at `/app.php`.
pub(super) fn rules() -> PortalRules {
    let forgot = Matcher {
        fields: vec!["email".into()],
        ..entry("/forgot", &[Method::POST])
    };
    PortalRules {
        public: vec![
            entry("/public/**", &[Method::GET, Method::HEAD]),
            entry("/static/**", &[Method::GET, Method::HEAD]),
            entry("/contact", &[Method::POST]),
            entry("/doku.php", &[Method::GET, Method::HEAD]).with_query(&[("do", "help")]),
            entry("/vote", &[Method::POST]).with_form(&[("kind", "public")]),
            forgot,
        ],
        closed: vec![glob("/xmlrpc.php"), glob("/rpc/**")],
        login_page: LoginPage("/login?next={target}".into()),
        anonymous: Anonymous::Login,
        logout: vec![
            entry("/logout", &[Method::GET, Method::POST]),
            entry("/doku.php", &[Method::GET]).with_query(&[("do", "logout")]),
        ],
        logins: vec![
            login_rule("/login"),
            login_rule("/doku.php")
                .with_where(&[("do", "login")], &[])
                .with_field("u"),
            login_rule("/app.php").with_where(&[], &[("action", "login")]),
        ],
        pass_cookies: Vec::new(),
        session_cookies: vec![glob("sessionid"), glob("DW*")],
        session_parameters: vec!["JSESSIONID".into(), "sid".into()],
        credential_headers: Vec::new(),
        exempt: Vec::new(),
        resume: Vec::new(),
        who_am_i: None,
    }
}
