//! THREATS A: paths.

use super::Siege;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_encoded_slash() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/public/%2e%2e%2fapp/secret",
            "/public%5c..%5capp/secret",
            "/app%2Fsecret",
            "/public%2fping",
            "/public/..%2fapp%2fsecret",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_dot_segments() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/public/../app/secret",
            "/public/.%2e/app/secret",
            "/public/%2e./app/secret",
            "/public../app/secret",
            "/public%2e%2e/app/secret",
            "/./app/secret",
            "/public/./../app/secret",
            "/static/..",
            "/public/ping/..",
            "/public/.",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_double_encoding() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/public/%252e%252e%252fapp/secret",
            "/%2561pp/secret",
            "/public/%25252e%25252e/app/secret",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_slashes() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "//app/secret",
            "/app//secret",
            "/app///secret",
            "//public/ping",
            "/public//../app/secret",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_matrix_parameters() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/public/..;/app/secret",
            "/public/..;a=b/app/secret",
            "/app;x/secret",
            "/app/secret;.css",
            "/public/ping;jsessionid=1",
            "/public/%3b/../app/secret",
            "/public/ping%3bx",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_bytes() {
    let siege = Siege::lay().await;
    let targets: [&[u8]; 21] = [
        b"/public\\..\\app\\secret",
        b"/public/..\\app/secret",
        b"/public/ping%00",
        b"/public/\0ping",
        b"/public/%c0%afping",
        b"/public/%c0%ae%c0%ae/app/secret",
        b"/public/%u002f",
        b"/public/%ef%bc%8f",
        b"/public/\xff",
        b"/public/\xc3\xa4",
        b"/public/ping%0d%0aX:y",
        b"/public/%",
        b"/public/%zz",
        b"/public/%1",
        b"/public/pi\x01ng",
        b"/public/pi\tng",
        b"/public/pi\x7fng",
        b"/public/<ping>",
        b"/public/\"ping\"",
        b"/public/{ping}",
        b"/public/%80",
    ];
    siege.targets(&targets).await;
}

/// A space in the target is refused, or goes up encoded as it was classed: never as a second target.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_a_space_makes_no_second_target() {
    let siege = Siege::lay().await;
    for target in [
        "/public/a b",
        "/public/ping /app/secret",
        "/public/ping HTTP/1.1 /app/secret",
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            siege.host()
        );
        siege.send(request.as_bytes()).await;
    }
    for seen in siege.world.portal.seen() {
        assert!(
            seen.target.starts_with("/public/") && !seen.target.contains(' '),
            "{seen:?}"
        );
    }
    siege.assert_nothing_came_through();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_fragment() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/public#/../app/secret",
            "/app/secret#x",
            "/public%23/../app/secret",
            "/app/secret#/public/ping",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_query_in_the_match() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/app/secret?/public/ping",
            "/app/secret?x=/public/",
            "/app/secret?/login",
            "/app/secret??/static/x",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a9_case_and_tail() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/APP/secret",
            "/app/secret/",
            "/app/secret.",
            "/app/secret%20",
            "/app/secret.json",
            "/app/secret.css",
            "/PUBLIC/ping",
            "/Login",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_path_info() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/login/app/secret",
            "/login.php/app/secret",
            "/login_x",
            "/loginapp/secret",
            "/logout/app/secret",
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11_target_forms() {
    let siege = Siege::lay().await;
    let host = siege.host();
    let tail = "Connection: close\r\n{cookie}\r\n";
    let piece = |line: &str| format!("{line}\r\nHost: {{host}}\r\n{tail}");
    siege
        .pieces(&[
            (
                "absolute",
                piece(&format!("GET http://{host}/app/secret HTTP/1.1")),
            ),
            (
                "absolute, foreign",
                piece("GET http://evil.example/app/secret HTTP/1.1"),
            ),
            (
                "absolute, userinfo",
                piece(&format!("GET http://{host}@evil.example/public/ping HTTP/1.1")),
            ),
            ("absolute, other scheme", piece("GET file:///app/secret HTTP/1.1")),
            ("no slash", piece("GET app/secret HTTP/1.1")),
            ("authority", piece(&format!("GET {host} HTTP/1.1"))),
            ("asterisk", piece("OPTIONS * HTTP/1.1")),
            ("asterisk, GET", piece("GET * HTTP/1.1")),
            ("own, no slash", piece("GET .doorstep/challenge HTTP/1.1")),
            ("two versions", piece("GET /app/secret HTTP/1.1 HTTP/1.1")),
            ("empty", piece("GET  HTTP/1.1")),
            ("HTTP/1.2", piece("GET /app/secret HTTP/1.2")),
            ("HTTP/0.9", "GET /app/secret\r\n\r\n".into()),
            ("CONNECT", piece(&format!("CONNECT {host} HTTP/1.1"))),
            ("h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a12_an_error_is_no_leave() {
    let siege = Siege::lay().await;
    siege
        .targets(&[
            "/app/s*cret",
            "/**",
            "/*",
            "/app/[secret",
            "/app/(secret",
            "/app/secret$",
            "/?",
            "/",
        ])
        .await;
}

/// Every public path with each of the marks put at each place: none of it reaches the portal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_mutation_of_a_public_path_reaches_the_portal() {
    let siege = Siege::lay().await;
    let marks = [
        "/../", "/./", "//", ";", "\\", "%2e", "%2f", "%5c", "%00", "%25", "%0a", "%7e", "..;/", "\u{2044}",
    ];
    for path in ["/public/ping", "/static/style.css", "/login"] {
        let mutations: Vec<String> = (1..=path.len())
            .flat_map(|place| marks.map(|mark| format!("{}{mark}{}", &path[..place], &path[place..])))
            .collect();
        for some in mutations.chunks(40) {
            siege.targets(some).await;
        }
    }
    // not even as the public path itself
    let seen = siege.world.portal.seen();
    assert!(seen.is_empty(), "{seen:?}");
}
