//! Portals that many people have: how each signs in, in the words of a configuration, and what becomes of the
//! requests and answers that its makers document.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::*;
use crate::clock::Timestamp;
use crate::gate::Route;
use crate::gate::body::FormBody;
use crate::gate::login::{Answer, Asked, Judgement, judge};
use crate::gate::path::Target;
use crate::gate::route::{HeadClass, class_body, class_head};
use crate::gate::rules::PortalRules;

const PUBLIC: &str = "https://portal.example.com";

/// An answer's status, header lines and body, and what becomes of it.
type Judged = (
    u16,
    &'static [(&'static str, &'static str)],
    &'static str,
    Judgement,
);

/// An application: its `[portal]`, requests with their class, answers to its first rule's login with the verdict.
struct Shape {
    name: &'static str,
    portal: &'static str,
    requests: &'static [(&'static str, &'static str, Route)],
    answers: &'static [Judged],
}

const LOGIN: Route = Route::Login(0);

const SHAPES: [Shape; 10] = [
    Shape {
        name: "WordPress",
        portal: r#"
            public = ["/wp-includes/**", "/wp-content/themes/**", "/wp-admin/css/**", "/wp-admin/load-styles.php",
                      { path = "/wp-login.php", methods = ["GET", "HEAD", "POST"], query = { action = "lostpassword" } }]
            closed = ["/xmlrpc.php"]
            logout = [{ path = "/wp-login.php", query = { action = "logout" } }]
            session_cookies = ["wordpress_logged_in_*", "wordpress_sec_*"]
            [[portal.login]]
            path = "/wp-login.php"
            where = { query = { action = "" } }
            username = { form = "log" }
            password = { form = "pwd" }
            success = { status = [302], location_not = "/wp-login.php**", sets_cookie = "wordpress_logged_in_*" }
            failure = { status = [200] }
        "#,
        requests: &[
            ("GET /wp-login.php", "", Route::LoginPage),
            (
                "GET /wp-login.php?redirect_to=https%3A%2F%2Fportal.example.com%2Fwp-admin%2F&reauth=1",
                "",
                Route::LoginPage,
            ),
            (
                "POST /wp-login.php",
                "log=anna&pwd=x&wp-submit=Log+In&testcookie=1",
                LOGIN,
            ),
            (
                "POST /wp-login.php?action=lostpassword",
                "user_login=anna&wp-submit=Get",
                Route::Public,
            ),
            (
                "POST /wp-login.php?action=lostpassword",
                "log=anna&pwd=x",
                Route::Ambiguous,
            ),
            (
                "POST /wp-login.php?action=login",
                "log=anna&pwd=x",
                Route::Protected,
            ),
            (
                "POST /wp-login.php",
                "log=anna&pwd=x&action=lostpassword",
                Route::BadLogin,
            ),
            ("GET /wp-login.php?action=logout&_wpnonce=1", "", Route::Logout),
            ("POST /xmlrpc.php", "<methodCall/>", Route::Closed),
            (
                "POST /wp-json/jwt-auth/v1/token",
                "username=anna&password=x",
                Route::Protected,
            ),
            ("GET /wp-admin/", "", Route::Protected),
        ],
        answers: &[
            (
                302,
                &[
                    ("location", "https://portal.example.com/wp-admin/"),
                    ("set-cookie", "wordpress_logged_in_ab=anna%7C1; path=/; HttpOnly"),
                ],
                "",
                Judgement::Accepted,
            ),
            (
                200,
                &[("set-cookie", "wordpress_test_cookie=WP%20Cookie; path=/")],
                "",
                Judgement::Refused,
            ),
        ],
    },
    Shape {
        name: "Grafana",
        portal: r#"
            public = ["/public/**", "/api/frontend/settings", "/avatar/**"]
            login_page = "/login"
            logout = ["/logout"]
            session_cookies = ["grafana_session"]
            session_parameters = ["auth_token"]
            [[portal.login]]
            path = "/login"
            username = { json = "/user" }
            success = { status = [200], sets_cookie = "grafana_session" }
            failure = { status = [401] }
            [portal.who_am_i]
            path = "/api/user"
            username = { json = "/login" }
        "#,
        requests: &[
            ("GET /login", "", Route::LoginPage),
            ("POST /login", r#"{"user":"anna","password":"x"}"#, LOGIN),
            ("POST /login", r#"{"password":"x"}"#, Route::BadLogin),
            ("GET /api/dashboards/home?auth_token=x", "", Route::Ambiguous),
            ("GET /d/abc", "", Route::Protected),
        ],
        answers: &[
            (
                200,
                &[("set-cookie", "grafana_session=1; Path=/; HttpOnly")],
                r#"{"message":"Logged in"}"#,
                Judgement::Accepted,
            ),
            (
                401,
                &[],
                r#"{"message":"Invalid username or password"}"#,
                Judgement::Refused,
            ),
        ],
    },
    Shape {
        name: "Gitea",
        portal: r#"
            public = ["/assets/**"]
            login_page = "/user/login"
            logout = [{ path = "/user/logout", methods = ["POST"] }]
            pass_cookies = ["lang"]
            session_cookies = ["i_like_gitea", "gitea_incredible"]
            session_parameters = ["token", "access_token"]
            [[portal.login]]
            path = "/user/login"
            username = { form = "user_name" }
            success = { status = [303], location_not = "/user/login**", sets_cookie = "i_like_gitea" }
            failure = { status = [200] }
        "#,
        requests: &[
            ("GET /user/login?redirect_to=%2fanna", "", Route::LoginPage),
            ("POST /user/login", "_csrf=x&user_name=anna&password=x", LOGIN),
            ("POST /user/logout", "_csrf=x", Route::Logout),
            ("GET /api/v1/user?token=x", "", Route::Ambiguous),
            (
                "GET /anna/repo.git/info/refs?service=git-upload-pack",
                "",
                Route::Protected,
            ),
        ],
        answers: &[
            (
                303,
                &[
                    ("location", "/"),
                    ("set-cookie", "i_like_gitea=1; Path=/; HttpOnly"),
                ],
                "",
                Judgement::Accepted,
            ),
            (200, &[], "", Judgement::Refused),
        ],
    },
    Shape {
        name: "Jenkins",
        portal: r#"
            public = ["/static/**", "/favicon.ico"]
            login_page = "/login?from={target}"
            logout = ["/logout"]
            session_cookies = ["JSESSIONID.*", "remember-me"]
            [[portal.login]]
            path = "/j_spring_security_check"
            username = { form = "j_username" }
            password = { form = "j_password" }
            success = { status = [302], location_not = "/loginError**" }
            failure = { status = [302], location = "/loginError**" }
        "#,
        requests: &[
            ("GET /login?from=%2Fjob%2Fa%2F", "", Route::LoginPage),
            (
                "POST /j_spring_security_check",
                "j_username=anna&j_password=x&from=%2F&Submit=",
                LOGIN,
            ),
            (
                "POST /j_acegi_security_check",
                "j_username=anna&j_password=x",
                Route::Protected,
            ),
            ("GET /api/json", "", Route::Protected),
        ],
        answers: &[
            (
                302,
                &[("location", "https://portal.example.com/job/a/")],
                "",
                Judgement::Accepted,
            ),
            (
                302,
                &[("location", "https://portal.example.com/loginError?from=%2F")],
                "",
                Judgement::Refused,
            ),
        ],
    },
    Shape {
        name: "phpMyAdmin",
        portal: r#"
            public = ["/themes/**", "/js/**", "/favicon.ico"]
            login_page = "/index.php?route=/"
            logout = [{ path = "/index.php", query = { route = "/logout" } }]
            pass_cookies = ["pma_lang", "pma_theme", "pma_collation_connection"]
            session_cookies = ["phpMyAdmin", "pmaAuth-*", "pmaUser-*"]
            session_parameters = ["phpMyAdmin"]
            [[portal.login]]
            path = "/index.php"
            where = { query = { route = "/" } }
            username = { form = "pma_username" }
            password = { form = "pma_password" }
            everywhere = true
            success = { status = [302], sets_cookie = "pmaAuth-*" }
            failure = { status = [200] }
        "#,
        requests: &[
            ("GET /index.php?route=/", "", Route::LoginPage),
            (
                "GET /index.php?route=/&pma_username=anna&pma_password=x",
                "",
                Route::LoginPageWithName,
            ),
            (
                "POST /index.php?route=/",
                "set_session=x&pma_username=anna&pma_password=x&server=1&token=y",
                LOGIN,
            ),
            ("GET /index.php?route=/sql&pma_username=anna", "", Route::BadLogin),
            ("POST /index.php?route=/logout", "token=y", Route::Logout),
            (
                "POST /index.php?route=/sql",
                "sql_query=SELECT+1",
                Route::Protected,
            ),
        ],
        answers: &[
            (
                302,
                &[
                    ("location", "./index.php?route=/&lang=en"),
                    ("set-cookie", "pmaAuth-1=x; path=/; HttpOnly"),
                ],
                "",
                Judgement::Accepted,
            ),
            (
                200,
                &[(
                    "set-cookie",
                    "pmaAuth-1=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/",
                )],
                "",
                Judgement::Refused,
            ),
        ],
    },
    Shape {
        name: "Roundcube",
        portal: r#"
            public = ["/skins/**", "/program/**", "/plugins/**"]
            login_page = "/?_task=login"
            logout = [{ path = "/", methods = ["GET"], query = { _task = "logout" } }]
            session_cookies = ["roundcube_sessid", "roundcube_sessauth"]
            [[portal.login]]
            path = "/"
            where = { form = { _task = "login", _action = "login" } }
            username = { form = "_user" }
            password = { form = "_pass" }
            success = { status = [302], location_not = "/?_task=login**", sets_cookie = "roundcube_sessauth" }
            failure = { status = [200, 401] }
        "#,
        requests: &[
            ("GET /?_task=login", "", Route::LoginPage),
            (
                "POST /?_task=login",
                "_token=x&_task=login&_action=login&_timezone=UTC&_url=&_user=anna&_pass=x",
                LOGIN,
            ),
            ("GET /?_task=logout&_token=x", "", Route::Logout),
            (
                "POST /?_task=mail&_action=send",
                "_token=x&_task=mail&_action=send&_to=ben",
                Route::Protected,
            ),
            (
                "POST /?_task=mail",
                "_task=login&_action=login&_user=anna&_pass=x",
                Route::BadLogin,
            ),
        ],
        answers: &[
            (
                302,
                &[
                    ("location", "./?_task=mail&_token=y"),
                    ("set-cookie", "roundcube_sessauth=x; path=/; HttpOnly"),
                ],
                "",
                Judgement::Accepted,
            ),
            (
                401,
                &[(
                    "set-cookie",
                    "roundcube_sessauth=-del-; expires=Thu, 01-Jan-1970 00:00:01 GMT",
                )],
                "",
                Judgement::Refused,
            ),
        ],
    },
    Shape {
        name: "Redmine",
        portal: r#"
            public = ["/stylesheets/**", "/javascripts/**", "/images/**", "/assets/**"]
            login_page = "/login?back_url={target}"
            logout = [{ path = "/logout", methods = ["POST"] }]
            session_parameters = ["key"]
            [[portal.login]]
            path = "/login"
            username = { form = "username" }
            success = { status = [302], location_not = "/login**" }
            failure = { status = [200, 422] }
            [portal.who_am_i]
            path = "/my/account.json"
            username = { json = "/user/login" }
        "#,
        requests: &[
            (
                "GET /login?back_url=https%3A%2F%2Fportal.example.com%2F",
                "",
                Route::LoginPage,
            ),
            (
                "POST /login",
                "utf8=%E2%9C%93&authenticity_token=x&back_url=&username=anna&password=x&login=Login",
                LOGIN,
            ),
            ("POST /logout", "_method=post&authenticity_token=x", Route::Logout),
            ("GET /issues.json?key=abcdef", "", Route::Ambiguous),
        ],
        answers: &[
            (
                302,
                &[
                    ("location", "https://portal.example.com/my/page"),
                    ("set-cookie", "_redmine_session=x; path=/; HttpOnly"),
                ],
                "",
                Judgement::Accepted,
            ),
            (
                200,
                &[("set-cookie", "_redmine_session=x; path=/; HttpOnly")],
                "",
                Judgement::Refused,
            ),
        ],
    },
    Shape {
        name: "Nextcloud",
        portal: r#"
            public = ["/core/**", "/dist/**", "/apps/theming/**", "/status.php"]
            login_page = "/login"
            logout = [{ path = "/logout", methods = ["GET"] }]
            pass_cookies = ["nc_sameSiteCookielax", "nc_sameSiteCookiestrict", "__Host-nc_sameSiteCookie*"]
            session_cookies = ["oc*", "nc_session_id", "nc_token", "nc_username"]
            [[portal.login]]
            path = "/login"
            username = { form = "user" }
            success = { status = [303], location_not = "/**login**" }
            failure = { status = [303], location = "/**login**" }
            [[portal.login]]
            path = "/index.php/login"
            username = { form = "user" }
            success = { status = [303], location_not = "/**login**" }
            failure = { status = [303], location = "/**login**" }
        "#,
        requests: &[
            ("GET /login?clear=1", "", Route::LoginPage),
            ("GET /login?user=anna&direct=1", "", Route::LoginPageWithName),
            (
                "POST /login",
                "user=anna&password=x&timezone=UTC&requesttoken=y",
                LOGIN,
            ),
            ("POST /login/v2", "", Route::Protected),
            ("PROPFIND /remote.php/dav/files/anna/", "", Route::Protected),
        ],
        answers: &[
            (
                303,
                &[("location", "https://portal.example.com/apps/dashboard/")],
                "",
                Judgement::Accepted,
            ),
            (
                303,
                &[("location", "/index.php/login?user=anna&direct=1")],
                "",
                Judgement::Refused,
            ),
        ],
    },
    Shape {
        name: "GitLab",
        portal: r#"
            public = ["/assets/**"]
            login_page = "/users/sign_in"
            logout = [{ path = "/users/sign_out", methods = ["POST"] }]
            pass_cookies = ["preferred_language"]
            session_parameters = ["private_token", "access_token", "job_token", "feed_token"]
            closed = ["/oauth/token"]
            [[portal.login]]
            path = "/users/sign_in"
            username = { form = "user[login]" }
            password = { form = "user[password]" }
            success = { status = [302], location_not = "/users/sign_in**" }
            failure = { status = [200, 422] }
        "#,
        requests: &[
            ("GET /users/sign_in", "", Route::LoginPage),
            (
                "POST /users/sign_in",
                "authenticity_token=x&user%5Blogin%5D=anna&user%5Bpassword%5D=x&user%5Bremember_me%5D=0",
                LOGIN,
            ),
            (
                "POST /users/sign_in",
                "user%5Blogin%5D=anna&user%5Blogin%5D=ben",
                Route::BadLogin,
            ),
            ("GET /api/v4/user?private_token=x", "", Route::Ambiguous),
            (
                "POST /oauth/token",
                "grant_type=password&username=anna&password=x",
                Route::Closed,
            ),
        ],
        answers: &[
            (
                302,
                &[("location", "https://portal.example.com/")],
                "",
                Judgement::Accepted,
            ),
            (200, &[], "", Judgement::Refused),
        ],
    },
    Shape {
        name: "Moodle",
        portal: r#"
            public = ["/theme/**", "/lib/javascript.php/**", "/pluginfile.php/1/core_admin/**"]
            logout = [{ path = "/login/logout.php", methods = ["GET", "POST"] }]
            session_cookies = ["MoodleSession*"]
            closed = ["/login/token.php"]
            [[portal.login]]
            path = "/login/index.php"
            username = { form = "username" }
            success = { status = [303], location = "/login/index.php?testsession=**" }
            failure = { status = [303], location_not = "/login/index.php?testsession=**" }
        "#,
        requests: &[
            ("GET /login/index.php", "", Route::LoginPage),
            ("GET /login/index.php?testsession=2", "", Route::LoginPage),
            (
                "POST /login/index.php",
                "anchor=&logintoken=x&username=anna&password=x",
                LOGIN,
            ),
            (
                "GET /login/token.php?username=anna&password=x&service=moodle_mobile_app",
                "",
                Route::Closed,
            ),
        ],
        answers: &[
            (
                303,
                &[(
                    "location",
                    "https://portal.example.com/login/index.php?testsession=2",
                )],
                "",
                Judgement::Accepted,
            ),
            (
                303,
                &[(
                    "location",
                    "https://portal.example.com/login/index.php?loginredirect=1",
                )],
                "",
                Judgement::Refused,
            ),
        ],
    },
];

fn rules_of(shape: &Shape) -> PortalRules {
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:8443\"\npublic_url = \"{PUBLIC}\"\n[portal]\n\
         upstream = \"http://127.0.0.1:8081\"\n{}",
        shape.portal
    );
    match parse(&text) {
        Ok(config) => config.portal.rules,
        Err(errors) => panic!("{}: {errors}", shape.name),
    }
}

fn class(rules: &PortalRules, request: &str, body: &str) -> Route {
    let (method, target) = request.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let target = Target::parse(target.as_bytes()).unwrap();
    if let HeadClass::Settled(route) = class_head(rules, &method, &target) {
        return route;
    }
    let kind = match body.starts_with('{') {
        true => "application/json",
        false => "application/x-www-form-urlencoded",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let body = FormBody::read(&headers, &Bytes::from(body.to_owned()));
    class_body(rules, &method, &target, body.as_ref())
}

#[test]
fn popular_applications_can_be_told_in_a_configuration() {
    for shape in &SHAPES {
        let rules = rules_of(shape);
        for (request, body, expected) in shape.requests {
            assert_eq!(
                class(&rules, request, body),
                *expected,
                "{}: {request} {body}",
                shape.name
            );
        }
        let rule = &rules.logins[0];
        for (status, lines, body, expected) in shape.answers {
            let mut headers = HeaderMap::new();
            for (name, value) in *lines {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_static(value));
            }
            let asked = Asked {
                path_and_query: rule.path.as_str(),
                public: PUBLIC,
                upstream: "http://127.0.0.1:8081",
            };
            let answer = Answer {
                status: *status,
                headers: &headers,
                body: Some(body.as_bytes()),
            };
            let now = Timestamp(1_790_000_000_000);
            assert_eq!(
                judge(rule, &asked, &answer, now),
                *expected,
                "{}: {status} {lines:?}",
                shape.name
            );
        }
    }
}
