//! THREATS A as a table: how the servers of the field read paths, each with requests that would open a protected page
//! behind a gateway that reads them otherwise. None is ever open here: it is refused, or it is protected.

use super::super::rules::PortalRules;
use super::super::sample::{entry, login_rule, rules};
use super::tests::form;
use super::*;

/// The server's habit, and spellings that it takes for a protected page or for doorstep's own.
const READINGS: &[(&str, &[&str])] = &[
    (
        "Apache, AllowEncodedSlashes On: an escaped slash is one",
        &[
            "/public%2f..%2fapp/secret",
            "/public/..%2fapp%2fsecret",
            "/app%2fsecret",
            "/public/%2e%2e%2Fapp/secret",
            "/static%2F..%2Fapp/secret",
        ],
    ),
    (
        "Apache, AllowEncodedSlashes NoDecode: it stays one for the application",
        &[
            "/public/%2f/app/secret",
            "/public%2Fapp%2Fsecret",
            "/login%2fapp/secret",
        ],
    ),
    (
        "Apache, AcceptPathInfo On: what follows a script is its argument",
        &[
            "/login/app/secret",
            "/login.php/app/secret",
            "/index.php/app/secret",
            "/index.php/public/../app/secret",
            "/cgi-bin/portal.cgi/app/secret",
            "/doku.php/app/secret",
            "/logout/app/secret",
        ],
    ),
    (
        "Apache, mod_rewrite and mod_alias: an escaped question mark ends the path",
        &[
            "/public/ping%3f/../../app/secret",
            "/public%3f/app/secret",
            "/app/secret%3f/public/ping",
            "/public/x%3F.css",
        ],
    ),
    (
        "Apache, MultiViews and mod_speling: an extension more or less is the same page",
        &[
            "/app/secret.html",
            "/app/secret.de",
            "/app/secret.php.en",
            "/Login.html",
            "/APP/secret",
        ],
    ),
    (
        "Apache, before 2.4.50: dots escaped once and twice",
        &[
            "/public/.%2e/app/secret",
            "/public/%2e./app/secret",
            "/public/%%32%65%%32%65/app/secret",
            "/public/.%%32%65/app/secret",
            "/public/%2e%2e/app/secret",
        ],
    ),
    (
        "Tomcat: what follows a semicolon is cut from its segment, and then dots are folded",
        &[
            "/public/..;/app/secret",
            "/public/..;a=b/app/secret",
            "/public/..;jsessionid=1/app/secret",
            "/app;x/secret",
            "/app/secret;.css",
            "/app/secret;/public/ping",
            "/;/app/secret",
            "/public/;x/../app/secret",
            "/public/.;/../app/secret",
            "/public/..;/..;/app/secret",
            "/app/secret;",
            "/public/ping;x/../../app/secret",
        ],
    ),
    (
        "Tomcat, Jetty: escaped semicolons and dots, and what Jetty read out of %u002e",
        &[
            "/public/..%3b/app/secret",
            "/public/%2e%2e;/app/secret",
            "/public/%2e;/app/secret",
            "/%2e/app/secret",
            "/.%00/app/secret",
            "/public/%u002e%u002e/app/secret",
            "/public/..%3B%2f/app/secret",
            "/app%3bx/secret",
        ],
    ),
    (
        "Spring, JAX-RS: a slash or an extension at the end is the same page; a line feed ends the path",
        &[
            "/app/secret/",
            "/app/secret.json",
            "/app/secret.do",
            "/app/secret.action",
            "/app/secret%0a",
            "/app/secret%0d%0a.css",
            "/public/%0a/../app/secret",
        ],
    ),
    (
        "IIS: a backslash is a slash",
        &[
            "/public/..\\app\\secret",
            "/public\\..\\app\\secret",
            "/public%5c..%5capp%5csecret",
            "/public/..%5Capp/secret",
            "/public/%5c../app/secret",
            "/public/..%255capp/secret",
            "/app\\secret",
        ],
    ),
    (
        "IIS, Windows: dots and spaces at a name's end are not part of it",
        &[
            "/app./secret",
            "/app/secret.",
            "/app/secret...",
            "/app%20/secret",
            "/app/secret%20",
            "/app/secret%20.",
            "/public/.../app/secret",
            "/public/..%20/app/secret",
            "/public/..%20./app/secret",
            "/login.",
            "/login%20",
            "/Logout.",
        ],
    ),
    (
        "NTFS: streams, short names, devices",
        &[
            "/app/secret::$DATA",
            "/app/secret:$DATA",
            "/app:$i30:$INDEX_ALLOCATION/secret",
            "/login::$DATA",
            "/APP~1/secret",
            "/LOGIN~1",
            "/con/app/secret",
            "/app/secret%00.css",
            "/app/secret:public",
        ],
    ),
    (
        "IIS: %u escapes, and bytes that fit best",
        &[
            "/public/%u002e%u002e/app/secret",
            "/public/%u2215app/secret",
            "/public/%uff0e%uff0e/app/secret",
            "/public/%c0%ae%c0%ae/app/secret",
            "/public/%ef%bc%8e%ef%bc%8e/app/secret",
            "/public/..%c0%afapp/secret",
            "/public/..%e0%80%afapp/secret",
            "/public/..%c1%9capp/secret",
            "/%e2%80%aeapp/secret",
        ],
    ),
    (
        "PHP: PATH_INFO, and what FastCGI makes of a dot",
        &[
            "/index.php/app/secret",
            "/public.php/../app/secret",
            "/app.php/login",
            "/app.php/%2e%2e/app/secret",
            "/login.php%00.css",
            "/app/secret/.php",
            "/app/secret/x.php",
            "/doku.php/do=login",
        ],
    ),
    (
        "nginx, alias without its slash; merge_slashes; a file system that folds case",
        &[
            "/public../app/secret",
            "/static../app/secret",
            "/static..%2fapp/secret",
            "//app/secret",
            "/public//../app/secret",
            "/public/.//app/secret",
            "/Public/../app/secret",
        ],
    ),
    (
        "Node, Ruby, Python: case, double slashes, formats, escaped twice",
        &[
            "/App/Secret",
            "//public/../app/secret",
            "///app/secret",
            "/app/secret.xml",
            "/app//secret",
            "/public/%252e%252e/app/secret",
            "/%2561pp/secret",
            "/app/secret%23",
            "/public/%252e%252e%252fapp%252fsecret",
        ],
    ),
    (
        "Go, Rust, HTTP/2 libraries: a target that is no path",
        &[
            "/public/ping#/app/secret",
            "/app/secret#x",
            "/?/app/secret",
            "/public/ ../app/secret",
            "/public/\u{ff0f}..\u{ff0f}app",
            "/public/[..]/app/secret",
            "/public/{..}/app/secret",
        ],
    ),
    (
        "doorstep's own pages, by any of these",
        &[
            "/public/../.doorstep/challenge",
            "/public/..;/.doorstep/challenge",
            "/.doorstep;x/challenge",
            "/%2edoorstep/challenge",
            "/.doorstep./challenge",
            "/.doorstep::$DATA",
            "/public/..%5c.doorstep",
            "//.doorstep/challenge",
            "/.DOORSTEP/challenge",
            "/DOORST~1/challenge",
        ],
    ),
];

/// As ops might write them, and wider than anybody should.
fn portals() -> Vec<PortalRules> {
    let mut wide = rules();
    wide.public
        .push(entry("/public**", &[Method::GET, Method::HEAD, Method::POST]));
    wide.public.push(entry("/**/*.css", &[Method::GET]));
    let mut basic = rules();
    basic.public.clear();
    basic.logins = vec![login_rule("/login")];
    vec![rules(), wide, basic]
}

#[test]
fn a_no_reading_of_any_server_is_open() {
    let mut shut = [0; 2];
    for rules in portals() {
        for (server, spellings) in READINGS {
            for raw in *spellings {
                let Ok(target) = Target::parse(raw.as_bytes()) else {
                    shut[0] += 1;
                    continue;
                };
                for method in [Method::GET, Method::HEAD, Method::POST] {
                    let route = match class_head(&rules, &method, &target) {
                        HeadClass::Settled(route) => route,
                        HeadClass::NeedsBody { .. } => {
                            let body = form("email=anna%40acme.example&password=x&do=login&action=login");
                            class_body(&rules, &method, &target, body.as_ref())
                        }
                    };
                    assert!(
                        matches!(
                            route,
                            Route::Protected | Route::Ambiguous | Route::Closed | Route::BadLogin
                        ),
                        "{server}: {method} {raw} is {route:?}"
                    );
                    shut[usize::from(route == Route::Protected)] += 1;
                }
            }
        }
    }
    // Both happen: a table of which all is refused unread would say nothing of the classing.
    assert!(shut[0] > 500 && shut[1] > 200, "{shut:?}");
}

/// What is taken for the same by a server is of one class here, or shut: a spelling of a page that is open is never
/// open as something else.
#[test]
fn i2_spellings_of_an_open_page_are_that_page_or_shut() {
    let rules = rules();
    let class = |raw: &str| {
        let target = Target::parse(raw.as_bytes()).ok()?;
        match class_head(&rules, &Method::GET, &target) {
            HeadClass::Settled(route) => Some(route),
            HeadClass::NeedsBody { .. } => None,
        }
    };
    for open in ["/login", "/logout", "/public/ping", "/static/a/b.css"] {
        let own = class(open).unwrap();
        let (head, name) = open.rsplit_once('/').unwrap();
        for spelling in [
            format!("{head}//{name}"),
            format!("{head}/./{name}"),
            format!("{head}/x/../{name}"),
            format!("{head}/{name};x=1"),
            format!("{head}/%{:02x}{}", name.as_bytes()[0], &name[1..]),
            format!("{head}\\{name}"),
            format!("{head}%2f{name}"),
            format!("{head}/{name}%00"),
            format!("{head}/{name}%20"),
            format!("{head}/{}", name.to_uppercase()),
            format!("{head}/{name}."),
            format!("{head}/{name}::$DATA"),
            format!("{head}/{name}/"),
            format!("{head}/{name}%3fx"),
        ] {
            let Some(route) = class(&spelling) else { continue };
            // Below an open folder a plain name more is that folder's, in every server's reading.
            let same = route == own
                && own == Route::Public
                && Target::parse(spelling.as_bytes()).unwrap().is_plain();
            let is_shut = matches!(route, Route::Protected | Route::Ambiguous | Route::Closed);
            assert!(same || is_shut, "{open} as {spelling}: {route:?}");
        }
    }
}
