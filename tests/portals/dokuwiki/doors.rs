//! DokuWiki's other ways in, each with the right password: from outside, while a factor is owed, and from within
//! another's session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;

use super::super::app::{ANNA, BEN, password_of};
use super::super::same::directly;
use super::super::site::Site;
use super::start::{SECRET, secret_of};
use super::{OWN, START, open, post_login, protected_requests};
use crate::support::browser::CHALLENGE;
use crate::support::{Answer, Browser};

const URLENCODED: &str = "application/x-www-form-urlencoded";

/// Every way that names `user` with their password; what came back.
async fn every_way(site: &Site, browser: &Browser, user: &str) -> Vec<(String, Answer)> {
    let password = password_of(user);
    let notes = format!("/doku.php?id=private:{user}:notes");
    let mut answers = Vec::new();
    // credentials of a GET, on any page
    for path in [
        format!("{notes}&u={user}&p={password}"),
        format!("{notes}&u={user}&p={password}&r=1"),
        format!("{notes}&U={user}&u={user}&p={password}"),
        format!("{notes}&u[]={user}&u={user}&p={password}"),
        format!("{notes};u={user}&p={password}"),
        format!("{notes}&%75={user}&p={password}"),
        format!("{notes}&do=login&do=show&u={user}&p={password}"),
        format!("/doku.php?do=login&do=show&id=private:{user}:notes&u={user}&p={password}"),
        format!("/doku.php/private:{user}:notes?u={user}&p={password}"),
        format!("/?id=private:{user}:notes&u={user}&p={password}"),
        format!("/feed.php?u={user}&p={password}&mode=search&q=note"),
        format!("/lib/exe/js.php?t=dokuwiki&u={user}&p={password}"),
        format!("/lib/exe/fetch.php?media=plan.png&u={user}&p={password}"),
        format!("/lib/exe/ajax.php?call=qsearch&q=note&u={user}&p={password}"),
        format!("/lib/exe/detail.php?id=private:{user}:notes&media=plan.png&u={user}&p={password}"),
    ] {
        answers.push((path.clone(), browser.get(&path).await));
    }
    // credentials of a POST, which is no login to our rule
    let fields = |more: &str| format!("{more}u={user}&p={password}&id=private:{user}:notes");
    let long = format!("text={}&", "x".repeat(90_000));
    let multipart = |disposition: &str| {
        format!(
            "--xyz\r\n{disposition}; name=\"u\"\r\n\r\n{user}\r\n--xyz\r\n{disposition}; name=\"p\"\r\n\r\n{password}\r\n\
             --xyz--\r\n"
        )
    };
    let plain = multipart("Content-Disposition: form-data");
    let odd = multipart("content-disposition:form-data");
    let padded = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{}\r\n{plain}",
        "x".repeat(90_000)
    );
    for path in [
        notes.as_str(),
        "/doku.php",
        "/",
        "/lib/exe/ajax.php",
        "/feed.php",
        "/doku.php/start",
        "/lib/exe/mediamanager.php",
    ] {
        for body in [
            fields(""),
            fields("do=show&"),
            fields("do=login&do=show&"),
            fields("do=show&do=login&"),
            fields("do[login]=1&"),
            fields("do=LOGIN&"),
            fields(&long),
            format!("{}&{long}", fields("")),
        ] {
            let answer = browser
                .post_bytes(path, URLENCODED, body.clone().into_bytes())
                .await;
            answers.push((
                format!("{path} {}", body.chars().take(60).collect::<String>()),
                answer,
            ));
        }
        for body in [&plain, &odd, &padded] {
            let kind = "multipart/form-data; boundary=xyz";
            let answer = browser.post_bytes(path, kind, body.clone().into_bytes()).await;
            answers.push((format!("{path} multipart"), answer));
        }
    }
    // the remote API
    let call = |method: &str, values: &[&str]| {
        let values: String = values
            .iter()
            .map(|value| format!("<param><value><string>{value}</string></value></param>"))
            .collect();
        format!("<methodCall><methodName>{method}</methodName><params>{values}</params></methodCall>")
    };
    let page = format!("private:{user}:notes");
    let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    for browser in [browser, &browser.also("authorization", &basic)] {
        for path in [
            "/lib/exe/xmlrpc.php".to_owned(),
            "/lib/exe/jsonrpc.php".to_owned(),
            format!("/lib/exe/xmlrpc.php?u={user}&p={password}"),
            "/lib//exe/xmlrpc.php".to_owned(),
            "/lib/exe/xmlrpc.php/x".to_owned(),
            "/lib/exe/XMLRPC.php".to_owned(),
            "/lib/exe/%78mlrpc.php".to_owned(),
        ] {
            for body in [
                call("dokuwiki.login", &[user, password]),
                call("wiki.getPage", &[&page]),
            ] {
                answers.push((path.clone(), browser.fetch_with(&path, "text/xml", &body).await));
            }
        }
        answers.push(("Basic".to_owned(), browser.get(&notes).await));
    }
    // what remembers: the two cookies of a session that doorstep did not see made
    let elsewhere = directly(&site.app);
    let remember = [
        ("u", user),
        ("p", password),
        ("r", "1"),
        ("do", "login"),
        ("id", "start"),
    ];
    elsewhere.post(START, &remember).await.expect(302);
    for name in elsewhere.cookie_names() {
        let value = elsewhere.cookie(&name).expect("a cookie");
        browser.set_cookie(&format!("{name}={value}; Path=/"));
    }
    answers.push(("cookies".to_owned(), browser.get(&notes).await));
    answers.push((
        "cookies".to_owned(),
        browser.get("/lib/exe/js.php?t=dokuwiki").await,
    ));
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_password_alone_never_sees_a_protected_byte() {
    let site = open(true).await;
    let stranger = Browser::at(&site.gateway);
    let owes = Browser::at(&site.gateway);
    post_login(&owes, ANNA, password_of(ANNA))
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    let direct = site.app.requests().await.len();
    for browser in [&stranger, &owes] {
        for (way, answer) in every_way(&site, browser, ANNA).await {
            for secret in [SECRET, &secret_of(ANNA)] {
                assert!(!answer.holds(secret), "{way}: {}", answer.shown());
            }
            let names = answer.set_cookies();
            assert!(
                !names
                    .iter()
                    .any(|line| line.starts_with("DW") || line.starts_with("DokuWiki")),
                "{way}: {names:?}"
            );
            let shut = answer.status == StatusCode::OK
                && !way.starts_with("/lib/exe/js.php")
                && !way.starts_with("cookies")
                && !answer.path.starts_with("/doku.php?do=login");
            assert!(!shut, "{way}: {}", answer.shown());
        }
        browser.get(OWN).await.expect(303);
    }
    let seen = protected_requests(&site).await;
    assert!(seen.is_empty(), "{direct}: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_nobody_becomes_somebody_else_inside_a_session() {
    let mut site = open(true).await;
    let anna = Browser::at(&site.gateway);
    post_login(&anna, ANNA, password_of(ANNA)).await.expect(303);
    anna.type_token(&site.anna.fresh().await).await.expect(303);
    assert!(anna.get(OWN).await.expect(200).holds(&secret_of(ANNA)));
    for (way, answer) in every_way(&site, &anna, BEN).await {
        assert!(!answer.holds(&secret_of(BEN)), "{way}: {}", answer.shown());
        assert!(
            answer.status != StatusCode::BAD_GATEWAY,
            "{way}: {}",
            answer.shown()
        );
    }
    let still = anna.get(OWN).await.expect(200);
    assert!(still.holds(&secret_of(ANNA)), "{}", still.shown());
    // the form itself: another's login ends the session, and is not sent
    let before = site.app.requests().await.len();
    let fields = [
        ("u", BEN),
        ("p", password_of(BEN)),
        ("do", "login"),
        ("id", "start"),
    ];
    anna.post(START, &fields).await.expect(303);
    let seen = site.app.requests().await;
    assert!(
        !seen[before..].iter().any(|line| line.starts_with("POST")),
        "{:?}",
        &seen[before..]
    );
    anna.get(OWN).await.expect(303);
}
