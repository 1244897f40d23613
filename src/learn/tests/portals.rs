//! One test for each shape of portal.

use super::*;

const DJANGO_FORM: &str = "<form method=post action='/admin/login/?next=/admin/'>\
    <input type=hidden name=csrfmiddlewaretoken value=Wu6tTfA1bGmV9c0bGmV9c0bGmV9c0bGm>\
    <input type=text name=\"username\" id=id_username><input type=password name=\"password\">\
    <input type=hidden name=next value='/admin/'><input type=submit value='Log in'></form>";

fn django() -> Vec<Raw> {
    let body = |password| {
        format!(
            "csrfmiddlewaretoken=Wu6tTfA1bGmV9c0bGmV9c0bGmV9c0bGm&username=anna&password={password}&next=%2Fadmin%2F"
        )
    };
    let csrf = "csrftoken=Zk3nQ1xY7vB2mN8pL4sD6fG9hJ0kQwEr; Max-Age=31449600; Path=/; SameSite=Lax";
    let rotated = "csrftoken=Aa1bGmV9c0Zk3nQ1xY7vB2mN8pL4sD6f; Max-Age=31449600; Path=/; SameSite=Lax";
    let session =
        "sessionid=q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax";
    let from = "/admin/login/?next=/admin/";
    vec![
        page("/admin/").to(302, "/admin/login/?next=/admin/", &[]),
        page("/admin/login/?next=/admin/").html(200, &[csrf], DJANGO_FORM),
        fetch("/static/admin/css/base.css")
            .seen_from(from)
            .file("text/css"),
        fetch("/static/admin/css/login.css")
            .seen_from(from)
            .file("text/css"),
        fetch("/static/admin/js/theme.js")
            .seen_from(from)
            .file("text/javascript"),
        fetch("/favicon.ico").html(404, &[], "no"),
        form(from, &body(WRONG))
            .seen_from(from)
            .sending("csrftoken=Zk3nQ1xY7vB2mN8pL4sD6fG9hJ0kQwEr")
            .html(200, &[csrf], DJANGO_FORM),
        form(from, &body(RIGHT))
            .seen_from(from)
            .sending("csrftoken=Zk3nQ1xY7vB2mN8pL4sD6fG9hJ0kQwEr")
            .to(302, "/admin/", &[rotated, session]),
        page("/admin/").html(200, &[], "<div id=user-tools>Welcome</div>"),
        fetch("/static/admin/css/dashboard.css").file("text/css"),
        page("/admin/auth/user/").html(200, &[], "users"),
        form(
            "/admin/logout/",
            "csrfmiddlewaretoken=Wu6tTfA1bGmV9c0bGmV9c0bGmV9c0bGm",
        )
        .html(
            200,
            &["sessionid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"],
            "Logged out",
        ),
    ]
}

#[test]
fn djangos_admin() {
    let learned = learned(django());
    has(
        &learned,
        &[
            "public = [\"/static/**\"]",
            "login_page = \"/admin/login/?next={target}\"",
            "logout = [\"/admin/logout/\"]",
            "session_cookies = [\"sessionid\"]",
            "pass_cookies = [\"csrftoken\"]",
            "path = \"/admin/login/\"",
            "username = { form = \"username\" }",
            "success = { status = [302], location_not = \"/admin/login/**\", sets_cookie = \"sessionid\" }",
            "failure = { status = [200, 403] }",
        ],
    );
    lacks(&learned, &["where", "bearer"]);
    warns(&learned, &["Remember-me: sessionid"]);
    assert_eq!(learned.recipe, Some("django-admin"));
}

#[test]
fn a_wiki_whose_pages_all_share_one_path() {
    let form_page = "<form action='/doku.php?id=start' method=post><input type=hidden name=sectok value=''>\
        <input type=hidden name=id value=start><input type=hidden name=do value=login>\
        <input type=text name=\"u\"><input type=password name=\"p\"><button type=submit>Log In</button></form>";
    let sid = "DokuWiki=abcdefghij0123456789klmnop; path=/; HttpOnly";
    let body = |password| format!("sectok=&id=start&do=login&u=anna&p={password}");
    let steps = vec![
        page("/doku.php").html(403, &[sid], "Permission Denied"),
        fetch("/lib/exe/css.php?t=dokuwiki&tseed=aaaaaaaaaaaaaaaaaaa1234").file("text/css"),
        fetch("/lib/exe/js.php?t=dokuwiki").file("application/javascript"),
        fetch("/lib/exe/fetch.php?media=wiki:logo.png").file("image/png"),
        fetch("/lib/tpl/dokuwiki/images/logo.png").file("image/png"),
        page("/doku.php?id=start&do=login&sectok=").html(200, &[], form_page),
        form("/doku.php?id=start", &body(WRONG))
            .sending("DokuWiki=abcdefghij0123456789klmnop")
            .html(403, &["DW68700bfd16c2027de7de74a5a8202a6f=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"], form_page),
        form("/doku.php?id=start", &body(RIGHT))
            .sending("DokuWiki=abcdefghij0123456789klmnop")
            .to(
                302,
                &format!("{PUBLIC}/doku.php?id=start"),
                &["DW68700bfd16c2027de7de74a5a8202a6f=YW5uYQ%3D%3D%7C0%7Cabc; path=/; HttpOnly"],
            ),
        page("/doku.php?id=start").html(200, &[], "<h1>Secret</h1>"),
        page("/doku.php?id=start&do=logout&sectok=3f2a9c1b2d5e6f70a1b2c3d4e5f60718")
            .to(302, &format!("{PUBLIC}/doku.php?id=start"), &["DW68700bfd16c2027de7de74a5a8202a6f=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"]),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "public = [\"/lib/exe/css.php\", \"/lib/exe/js.php\", \"/lib/tpl/dokuwiki/images/logo.png\"]",
            "login_page = \"/doku.php?id=start&do=login\"",
            "logout = [{ path = \"/doku.php\", methods = [\"GET\"], query = { do = \"logout\" } }]",
            "session_cookies = [\"DokuWiki\", \"DW*\"]",
            "path = \"/doku.php\"",
            "where = { form = { do = \"login\" } }",
            "username = { form = \"u\" }",
            "everywhere = true",
            "closed = [\"/lib/exe/xmlrpc.php\", \"/lib/exe/jsonrpc.php\", \"/install.php\"]",
            "[portal.who_am_i]",
            "password = { form = \"p\" }",
            "success = { status = [302], sets_cookie = \"DW*\" }",
            "failure = { status = [403] }",
        ],
    );
    warns(&learned, &["DokuWiki is the same before and after"]);
    assert!(
        learned.section.contains("left shut: /lib/exe/fetch.php"),
        "{}",
        learned.section
    );
    assert_eq!(learned.recipe, Some("dokuwiki"));
}

#[test]
fn a_single_page_app_with_a_bearer_token() {
    let token = "dZ2kq7Wn1XyR5vT8uB3mC6pL9sF0hJ4gA1eK7iO2";
    let bearer = format!("Bearer {token}");
    let body = |password| {
        format!("client_id=node-red-editor&grant_type=password&scope=&username=anna&password={password}")
    };
    let steps = vec![
        page("/").html(200, &[], "<html><div id=red-ui-editor></div></html>"),
        fetch("/red/style.min.css").seen_from("/").file("text/css"),
        fetch("/red/red.min.js")
            .seen_from("/")
            .file("application/javascript"),
        fetch("/vendor/vendor.js")
            .seen_from("/")
            .file("application/javascript"),
        fetch("/theme").seen_from("/").json_answer(200, &[], "{}"),
        fetch("/settings")
            .seen_from("/")
            .answered(401, &[("content-type", "text/plain")], "Unauthorized"),
        fetch("/auth/login").seen_from("/").json_answer(
            200,
            &[],
            r#"{"type":"credentials","prompts":[{"id":"username"}]}"#,
        ),
        script("/auth/token", &body(WRONG)).seen_from("/").json_answer(
            403,
            &[],
            r#"{"error":"invalid_grant","error_description":"Invalid resource owner credentials"}"#,
        ),
        script("/auth/token", &body(RIGHT)).seen_from("/").json_answer(
            200,
            &[],
            &format!(r#"{{"access_token":"{token}","expires_in":604800,"token_type":"Bearer"}}"#),
        ),
        fetch("/settings").with("authorization", &bearer).json_answer(
            200,
            &[],
            r#"{"user":{"username":"anna","permissions":"*"}}"#,
        ),
        fetch("/flows")
            .with("authorization", &bearer)
            .json_answer(200, &[], r#"[{"id":"1"}]"#),
        fetch(&format!("/icons?access_token={token}")).json_answer(200, &[], "{}"),
        Step(Raw {
            said_token: true,
            ..request(Method::GET, "/comms", &[("upgrade", "websocket")], "").0
        })
        .answered(101, &[], ""),
        script("/auth/revoke", &format!("token={token}"))
            .with("authorization", &bearer)
            .json_answer(200, &[], ""),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "login_page = \"/\"",
            "logout = [\"/auth/revoke\"]",
            "path = \"/auth/token\"",
            "where = { form = { grant_type = \"password\" } }",
            "username = { form = \"username\" }",
            "bearer = \"/access_token\"",
            "success = { status = [200], json = \"/access_token\" }",
            "failure = { status = [403] }",
            "step_up_script = true",
            "[portal.who_am_i]",
            "path = \"/settings\"",
            "username = { json = \"/user/username\" }",
        ],
    );
    assert!(learned.section.contains("\"/auth/login\""), "{}", learned.section);
    lacks(&learned, &["/flows", token]);
    warns(
        &learned,
        &[
            "A token in the answer's body",
            "Tokens in query strings",
            "WebSocket",
        ],
    );
    assert_eq!(learned.recipe, Some("node-red"));
}

#[test]
fn http_basic() {
    let basic = |password: &str| {
        use base64::Engine as _;
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(format!("anna:{password}"))
        )
    };
    for (server, recipe, method, success) in [
        (
            "nginx/1.22.1",
            Some("nginx-basic"),
            "HEAD",
            "200, 204, 301, 302, 304, 403, 404",
        ),
        ("Apache/2.4", None, "GET", "200"),
    ] {
        let asks = [
            ("www-authenticate", "Basic realm=\"x\""),
            ("server", server),
            ("content-type", "text/html"),
        ];
        let gives = [("server", server), ("content-type", "text/html")];
        let steps = vec![
            page("/").answered(401, &asks, "no"),
            page("/")
                .with("authorization", &basic(WRONG))
                .answered(401, &asks, "no"),
            page("/")
                .with("authorization", &basic(RIGHT))
                .answered(200, &gives, "yes"),
            fetch("/favicon.ico")
                .with("authorization", &basic(RIGHT))
                .answered(404, &gives, ""),
            page("/big.bin")
                .with("authorization", &basic(RIGHT))
                .answered(200, &gives, ""),
        ];
        let learned = learned(steps);
        has(
            &learned,
            &[
                &format!("method = \"{method}\""),
                "path = \"/\"",
                "username = { basic = true }",
                &format!("success = {{ status = [{success}] }}"),
                "failure = { status = [401] }",
            ],
        );
        lacks(&learned, &["login_page", "public", "logout"]);
        warns(&learned, &["HTTP Basic"]);
        assert_eq!(learned.recipe, recipe);
    }
}

const LOGIN: &str = "<form method=post><input name=email><input name=password type=password></form>";

#[test]
fn a_redirect_after_failure_as_after_success() {
    let session = |id: &str| format!("PHPSESSID={id}; path=/; HttpOnly");
    let steps = vec![
        page("/").to(302, "/login.php", &[]),
        page("/login.php").html(200, &[&session("aaaa1111bbbb2222cccc")], LOGIN),
        form(
            "/login.php",
            &format!("email=anna%40acme.example&password={WRONG}"),
        )
        .sending("PHPSESSID=aaaa1111bbbb2222cccc")
        .to(302, "/login.php?error=1", &[]),
        page("/login.php?error=1").html(200, &[], LOGIN),
        form(
            "/login.php",
            &format!("email=anna%40acme.example&password={RIGHT}"),
        )
        .sending("PHPSESSID=aaaa1111bbbb2222cccc")
        .to(302, "/home.php", &[]),
        page("/home.php").html(200, &[], "<a href='/logout.php'>out</a>"),
        page("/logout.php").to(302, "/login.php", &[]),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "success = { status = [302], location_not = \"/login.php**\" }",
            "failure = { status = [302], location = \"/login.php**\" }",
            "session_cookies = [\"PHPSESSID\"]",
            "logout = [\"/logout.php\"]",
        ],
    );
    warns(&learned, &["PHPSESSID is the same before and after"]);
    assert!(
        learned.section.contains("says nothing by itself"),
        "{}",
        learned.section
    );
}

#[test]
fn two_pages_with_one_status_are_told_apart_by_words() {
    let steps = vec![
        page("/login").html(200, &["sid=aaaa1111bbbb2222cccc; HttpOnly"], LOGIN),
        form("/login", &format!("email=anna&password={WRONG}"))
            .sending("sid=aaaa1111bbbb2222cccc")
            .html(200, &[], &format!("<p>Wrong e-mail or password</p>{LOGIN}")),
        form("/login", &format!("email=anna&password={RIGHT}"))
            .sending("sid=aaaa1111bbbb2222cccc")
            .html(
                200,
                &[],
                "<h1>Welcome back</h1><a href=\"/logout?all=1\">Log out</a>",
            ),
        page("/home").html(200, &[], "secret"),
        page("/logout?all=1").to(302, "/login", &[]),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "success = { status = [200], body_contains = \"href=\\\"/logout\" }",
            "failure = { status = [200], body_contains = \"name=email\" }",
        ],
    );
}

#[test]
fn a_json_login_with_a_cookie_that_says_who_it_is() {
    let body = |password| format!(r#"{{"user":{{"name":"anna@acme.example"}},"password":"{password}"}}"#);
    let steps = vec![
        page("/app").html(
            200,
            &["XSRF-TOKEN=abcdefgh12345678abcd; Path=/"],
            "<div id=app></div>",
        ),
        fetch("/assets/app.4f3c.js")
            .seen_from("/app")
            .file("text/javascript"),
        json("/api/login", &body(WRONG))
            .seen_from("/app")
            .with("x-xsrf-token", "abcdefgh12345678abcd")
            .sending("XSRF-TOKEN=abcdefgh12345678abcd")
            .json_answer(200, &[], r#"{"ok":false}"#),
        json("/api/login", &body(RIGHT))
            .seen_from("/app")
            .sending("XSRF-TOKEN=abcdefgh12345678abcd; tz=Europe%2FVienna")
            .json_answer(
                200,
                &["sid=0123456789abcdef0123; HttpOnly; Path=/"],
                r#"{"ok":true,"user":{"name":"Anna@acme.example"}}"#,
            ),
        fetch("/api/me").json_answer(200, &[], r#"{"user":{"email":"anna@acme.example"}}"#),
        request(Method::DELETE, "/api/session", &[("sec-fetch-mode", "cors")], "").answered(204, &[], ""),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "public = [\"/assets/**\"]",
            "login_page = \"/app\"",
            "logout = [{ path = \"/api/session\", methods = [\"DELETE\"] }]",
            "username = { json = \"/user/name\", answer = \"/user/name\" }",
            "success = { status = [200], sets_cookie = \"sid\", json = { pointer = \"/ok\", equals = true } }",
            "failure = { status = [200], json = { pointer = \"/ok\", equals = false } }",
            "session_cookies = [\"sid\"]",
            "pass_cookies = [\"XSRF-TOKEN\", \"tz\"]",
            "# path = \"/api/me\"",
        ],
    );
    warns(&learned, &["scripts set tz themselves"]);
}

#[test]
fn a_multipart_form() {
    let body = |password| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\nanna\r\n--b\r\nContent-Disposition: form-data; \
             name=\"pass\"\r\n\r\n{password}\r\n--b--\r\n"
        )
    };
    let kind = ("content-type", "multipart/form-data; boundary=b");
    let steps = vec![
        page("/signin").html(200, &[], "<form method=post enctype=multipart/form-data><input name=login><input type=password name=pass></form>"),
        request(Method::POST, "/signin", &[kind], &body(WRONG)).answered(401, &[("content-type", "text/html")], "no"),
        request(Method::POST, "/signin", &[kind], &body(RIGHT)).to(303, "/", &["auth=0123456789abcdef0123; HttpOnly"]),
        page("/").html(200, &[], "in"),
        page("/signout").to(303, "/signin", &["auth=; Max-Age=0"]),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "username = { multipart = \"login\" }",
            "password = { form = \"pass\" }",
            "success = { status = [303], location_not = \"/signin**\", sets_cookie = \"auth\" }",
            "failure = { status = [401] }",
        ],
    );
}

#[test]
fn a_login_page_with_a_query_beside_content_on_the_same_path() {
    let shown = "<form method=post action='/index.php?action=login2'><input name=user><input name=passwrd type=password></form>";
    let body = |password| format!("user=anna&passwrd={password}&cookielength=-1");
    let steps = vec![
        page("/index.php").html(200, &["PHPSESSID=aaaa1111bbbb2222cccc; path=/"], "<h1>Board</h1>"),
        page("/index.php?action=login").html(200, &[], shown),
        form("/index.php?action=login2", &body(WRONG))
            .seen_from("/index.php?action=login")
            .html(200, &[], shown),
        form("/index.php?action=login2", &body(RIGHT))
            .seen_from("/index.php?action=login")
            .to(
                302,
                "/index.php",
                &["SMFCookie89=%7B%220%22%3A1%7D; path=/; HttpOnly"],
            ),
        page("/index.php").html(200, &[], "<h1>Board of Anna</h1>"),
        page("/index.php?action=logout&f3a1b2=9c8d7e6f5a4b3c2d1e0f").to(
            302,
            "/index.php",
            &["SMFCookie89=; Max-Age=0; path=/"],
        ),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "login_page = \"/index.php?action=login\"",
            "where = { query = { action = \"login2\" } }",
            "logout = [{ path = \"/index.php\", methods = [\"GET\"], query = { action = \"logout\" } }]",
            "success = { status = [302], sets_cookie = \"SMFCookie89\" }",
        ],
    );
}

#[test]
fn a_session_in_the_path() {
    let steps = vec![
        page("/app/home").to(302, "/app/login;jsessionid=AAAA1111BBBB2222CCCC?to=1", &["JSESSIONID=AAAA1111BBBB2222CCCC; Path=/app; HttpOnly"]),
        page("/app/login;jsessionid=AAAA1111BBBB2222CCCC").html(200, &[], "<form method=post action='/app/j_security_check;jsessionid=AAAA1111BBBB2222CCCC'><input name=j_username><input type=password name=j_password></form>"),
        form("/app/j_security_check;jsessionid=AAAA1111BBBB2222CCCC", &format!("j_username=anna&j_password={WRONG}")).sending("JSESSIONID=AAAA1111BBBB2222CCCC").to(302, "/app/loginfailed", &[]),
        page("/app/loginfailed").html(200, &[], "no"),
        form("/app/j_security_check", &format!("j_username=anna&j_password={RIGHT}")).sending("JSESSIONID=AAAA1111BBBB2222CCCC").to(302, "/app/home", &["JSESSIONID=DDDD1111BBBB2222CCCC; Path=/app; HttpOnly"]),
        page("/app/home").html(200, &[], "in"),
        page("/app/logout").to(302, "/app/home", &[]),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "path = \"/app/j_security_check\"",
            "username = { form = \"j_username\" }",
            "session_cookies = [\"JSESSIONID\"]",
            "login_page = \"/app/login\"",
        ],
    );
    lacks(&learned, &[";jsessionid", "AAAA1111"]);
    warns(&learned, &["writes its session into paths"]);
}

#[test]
fn a_login_cookie_with_a_hash_in_its_name_that_failures_delete() {
    let dead = "wordpress_logged_in_5c016e8f0f95f039102cbe8366c5c7f3=%20; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/";
    let living = "wordpress_logged_in_5c016e8f0f95f039102cbe8366c5c7f3=anna%7C179; path=/; HttpOnly";
    let shown = "<form method=post action='/wp-login.php'><input name=log type=text><input name=pwd type=password><input type=hidden name=redirect_to value='/wp-admin/'><input type=hidden name=testcookie value=1></form>";
    let body = |password| format!("log=anna&pwd={password}&redirect_to=%2Fwp-admin%2F&testcookie=1");
    let steps = vec![
        page("/wp-admin/").to(302, "/wp-login.php?redirect_to=%2Fwp-admin%2F&reauth=1", &[]),
        page("/wp-login.php?redirect_to=%2Fwp-admin%2F&reauth=1").html(
            200,
            &["wordpress_test_cookie=WP%20Cookie%20check; path=/", dead],
            shown,
        ),
        form("/wp-login.php", &body(WRONG)).html(200, &[dead], shown),
        form("/wp-login.php", &body(RIGHT)).to(302, "/wp-admin/", &[dead, living]),
        page("/wp-admin/").html(200, &[], "in"),
        page("/wp-login.php?action=logout&_wpnonce=1a2b3c4d5e").to(
            302,
            "/wp-login.php?loggedout=true",
            &[dead],
        ),
        page("/wp-login.php?loggedout=true").html(200, &[], shown),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "success = { status = [302], location_not = \"/wp-login.php**\", sets_cookie = \"wordpress_logged_in_*\" }",
            "login_page = \"/wp-login.php?reauth=1&redirect_to={target}\"",
            "session_cookies = [\"wordpress_logged_in_*\"]",
            "username = { form = \"log\" }",
        ],
    );
    assert!(
        learned.section.contains("query = { action = \"logout\" }"),
        "{}",
        learned.section
    );
}

#[test]
fn a_graphql_login_is_told_from_other_operations() {
    let ask = |password| {
        format!(
            r#"{{"operationName":"login","variables":{{"email":"anna@acme.example","password":"{password}"}},"query":"mutation login"}}"#
        )
    };
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh12345678";
    let steps = vec![
        page("/").html(200, &[], "<div id=root></div>"),
        json("/graphql", &ask(WRONG)).seen_from("/").json_answer(
            200,
            &[],
            r#"{"errors":[{"message":"no"}],"data":null}"#,
        ),
        json("/graphql", &ask(RIGHT)).seen_from("/").json_answer(
            200,
            &[],
            &format!(r#"{{"data":{{"login":{{"token":"{token}"}}}}}}"#),
        ),
        json(
            "/graphql",
            r#"{"operationName":"orders","variables":{},"query":"query orders"}"#,
        )
        .with("authorization", &format!("Bearer {token}"))
        .json_answer(200, &[], r#"{"data":{"orders":[]}}"#),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "where = { json = { \"/operationName\" = \"login\" } }",
            "username = { json = \"/variables/email\" }",
            "bearer = \"/data/login/token\"",
            "success = { status = [200], json = \"/data/login/token\" }",
            "failure = { status = [200], json = \"/errors\" }",
        ],
    );
}

#[test]
fn fields_that_say_nothing_are_told_apart_by_what_differs() {
    let body = |password| format!(r#"{{"a":"anna","b":"{password}"}}"#);
    let steps = vec![
        page("/").html(200, &[], "<div></div>"),
        json("/rpc/open", &body(WRONG))
            .seen_from("/")
            .answered(401, &[], ""),
        json("/rpc/open", &body(RIGHT)).seen_from("/").json_answer(
            200,
            &["s=0123456789abcdef0123; HttpOnly"],
            "{}",
        ),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &["username = { json = \"/a\" }", "failure = { status = [401] }"],
    );
}

#[test]
fn a_token_in_a_header_of_its_own() {
    let token = "abcdefgh1234567890abcdefgh";
    let body = |password| format!(r#"{{"username":"anna","password":"{password}"}}"#);
    let steps = vec![
        page("/").html(200, &[], "<div></div>"),
        json("/api/sign-in", &body(WRONG))
            .seen_from("/")
            .json_answer(401, &[], "{}"),
        json("/api/sign-in", &body(RIGHT)).seen_from("/").json_answer(
            200,
            &[],
            &format!(r#"{{"token":"{token}"}}"#),
        ),
        fetch("/api/data")
            .with("x-auth-token", token)
            .json_answer(200, &[], "{}"),
    ];
    let learned = learned(steps);
    has(&learned, &["bearer = \"/token\""]);
    assert!(
        learned.section.contains("    \"x-auth-token\",\n]"),
        "{}",
        learned.section
    );
    warns(&learned, &["credential_headers names it"]);
}

/// One program for everything, whose address says which of its pages is meant (phpMyAdmin).
fn front_controller() -> Vec<Raw> {
    let form_page = "<form method=post action='index.php?route=/' name=login_form>\
        <input type=hidden name=route value='/'><input type=hidden name=lang value=en>\
        <input type=hidden name=set_session value=and9pl46o5ajlia2adam2u4niq>\
        <input type=text name=\"pma_username\"><input type=password name=\"pma_password\">\
        <input type=hidden name=server value=1><input type=submit id=input_go value='Log in'></form>";
    let body = |password| {
        format!(
            "route=%2F&lang=en&set_session=and9pl46o5ajlia2adam2u4niq&pma_username=anna&pma_password={password}&server=1"
        )
    };
    let fresh = "phpMyAdmin=5037i2phbi8qsv4edpht11s20v; path=/; HttpOnly";
    vec![
        page("/").html(
            200,
            &["phpMyAdmin=p5anclt3ecev8n4n2mqm29pb6k; path=/; HttpOnly"],
            form_page,
        ),
        form("/index.php?route=/", &body(WRONG)).html(200, &[fresh], form_page),
        form("/index.php?route=/", &body(RIGHT)).to(
            302,
            "/index.php?route=/&route=%2F",
            &[
                "phpMyAdmin=1g8qsv4edpht11s20v5037i2ph; path=/; HttpOnly",
                "pmaAuth-1=xQsU6D4giaACNeomgkorcTg6; path=/; HttpOnly",
            ],
        ),
        page("/index.php?route=/&route=%2F").html(200, &[], "<h1>Databases</h1>"),
        script("/index.php?route=/config/get", "ajax_request=true&server=1&key=x").json_answer(
            200,
            &[],
            "{\"success\":true}",
        ),
        script("/index.php?route=/navigation&ajax_request=1", "server=1").json_answer(
            200,
            &[],
            "{\"success\":true}",
        ),
        form("/index.php?route=/logout", "server=1").to(
            302,
            "/index.php?route=/",
            &["pmaAuth-1=deleted; Max-Age=0; path=/; HttpOnly"],
        ),
        page("/index.php?route=/").html(200, &[], form_page),
    ]
}

#[test]
fn one_program_that_is_told_by_its_address_what_to_show() {
    let learned = learned(front_controller());
    has(
        &learned,
        &[
            "logout = [{ path = \"/index.php\", methods = [\"POST\"], query = { route = \"/logout\" } }]",
            "path = \"/index.php\"",
            "where = { query = { route = \"/\" } }",
            "username = { form = \"pma_username\" }",
        ],
    );
}

#[test]
fn one_program_leads_to_itself_when_it_has_accepted() {
    // Before anybody has signed out, the redirect's own page tells.
    let steps: Vec<Raw> = front_controller().into_iter().take(4).collect();
    let progress = super::super::progress(&recorded(steps));
    assert_eq!((progress.wrong.len(), progress.right.len()), (1, 1));
}

#[test]
fn a_page_that_names_whoever_is_signed_in_can_be_asked() {
    let form_page = "<script>{\"wgUserName\":null,\"wgAction\":\"view\"}</script><form method=post action='/in'>\
        <input type=text name=\"wpName\" value='anna'><input type=password name=\"wpPassword\"></form>";
    let inside = |words: &str| {
        format!(
            "<script>{{\"wgAction\":\"view\",\"wgUserName\":\"Anna\",\"wgId\":1}}</script><b>{words}</b>\
             <i class=\"display-name\">anna</i>"
        )
    };
    let body = |password| format!("wpName=anna&wpPassword={password}");
    let steps = |last: &str| {
        vec![
            page("/in").html(200, &[], form_page),
            form("/in", &body(WRONG)).html(200, &[], form_page),
            form("/in", &body(RIGHT)).to(302, "/", &["wiki_session=q1w2e3r4t5y6u7i8o9p0; path=/; HttpOnly"]),
            page("/?title=Main").html(200, &[], &inside("a long page about many things")),
            page("/?title=Blank").html(200, &[], &inside("blank")),
            page("/logout").to(302, "/in", &[]),
            page("/in").html(200, &[], last),
        ]
    };
    let learned_here = learned(steps(form_page));
    has(
        &learned_here,
        &[
            "# [portal.who_am_i]",
            "# path = \"/?title=Blank\"",
            "# username = { body_regex = \"\\\"wgUserName\\\":\\\"([^\\\"]+)\" }",
        ],
    );
    // Strangers are named there too: the page does not tell them from those who are signed in.
    let stranger = form_page.replace("null", "\"10.0.0.7\"");
    let without = learned(steps(&stranger));
    assert!(!without.section.contains("who_am_i"), "{}", without.section);
}

#[test]
fn what_asks_for_a_pages_own_nonce_is_no_probe() {
    let form_page = "<form method=post action='/wp-login.php'><input type=text name=\"log\"><input type=password name=\"pwd\"></form>";
    let body = |password| format!("log=anna&pwd={password}");
    let asked = |step: Step| {
        learned(vec![
            page("/wp-login.php?reauth=1").html(200, &[], form_page),
            form("/wp-login.php", &body(WRONG)).html(200, &[], form_page),
            form("/wp-login.php", &body(RIGHT)).to(
                302,
                "/admin/",
                &["wordpress_logged_in=q1w2e3r4t5y6u7i8o9p0; path=/; HttpOnly"],
            ),
            page("/admin/").html(200, &[], "<h1>Dashboard</h1>"),
            step.json_answer(200, &[], "{\"id\":1,\"username\":\"anna\"}"),
            page("/wp-login.php?action=logout").to(302, "/wp-login.php?loggedout=true", &[]),
        ])
    };
    let plain = asked(fetch("/api/me"));
    has(&plain, &["# [portal.who_am_i]"]);
    let nonced = asked(fetch("/api/me").with("x-wp-nonce", "a80d910ae2"));
    assert!(!nonced.section.contains("who_am_i"), "{}", nonced.section);
}
