//! One program for everything, told by its address, its fields or its pages what it shows and to whom.

use super::*;

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
