//! Every page of the desk as a file, to be looked at.

use super::belongings::Things;
use super::{may_have, name, world};
use crate::directory::Phone;

/// `DOORSTEP_GALLERY=FOLDER cargo test --lib write_the_desk -- --ignored`; then serve the folder.
#[tokio::test]
#[ignore = "writes files to look at"]
async fn write_the_desk() {
    let folder = super::super::gallery::folder();
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let things = Things::of(&world, "ben", "acme").await;
    Things::of(&world, "alva", "acme").await;
    let carl = crate::directory::Actor {
        name: "carl".into(),
        from: "198.51.100.4".into(),
    };
    let (directory, now) = (&world.door.directory, world.now());
    let phone = Phone::parse("+447400123456", None).unwrap();
    let asked = directory
        .ask_phone_change(&carl, &name("carl"), &phone, "carl", now)
        .await;
    directory
        .approve_phone_change(
            &super::super::world::ops(),
            &name("carl"),
            &asked.unwrap(),
            super::super::world::MINUTE,
            now,
        )
        .await
        .unwrap();
    let token = world.verified("alva").await;
    let long = crate::directory::NewEmployee {
        login: name(&format!(
            "{}@acme.example",
            "wolfeschlegelsteinhausenbergerdorff".repeat(3)
        )),
        firm: super::super::world::firm(),
        name: format!("Hubert {}", "Wolfeschlegelsteinhausenbergerdorff".repeat(4)),
        phone: None,
        email: None,
        role: crate::gate::Role::Tech,
    };
    let ops = super::super::world::ops();
    directory.add_employee(&ops, &long, now).await.unwrap();
    let long_profile = format!("/.doorstep/admin/employee?login={}", long.login);
    for (name, path) in [
        ("long-profile", long_profile.as_str()),
        ("overview", "/.doorstep/admin/"),
        ("pending", "/.doorstep/admin/phone-changes"),
        ("things", "/.doorstep/admin/employee?login=ben&done=deactivated"),
        ("nobody-fits", "/.doorstep/admin/employees?q=zzz"),
        ("not-there", "/.doorstep/admin/employee?login=zzz"),
        ("trail-fault", "/.doorstep/admin/audit?since=soon"),
        ("employees", "/.doorstep/admin/employees?state=no_phone"),
        ("enable", "/.doorstep/admin/two-factor?enable=yes"),
        ("disable", "/.doorstep/admin/two-factor?enable=no"),
        ("profile", "/.doorstep/admin/employee?login=anna&done=saved"),
        ("myself", "/.doorstep/admin/employee?login=alva"),
        ("new", "/.doorstep/admin/employee/new"),
        ("reset", "/.doorstep/admin/employee/reset?login=anna"),
        ("import", "/.doorstep/admin/import"),
        ("export", "/.doorstep/admin/export"),
        ("policy", "/.doorstep/admin/policy"),
        ("audit", "/.doorstep/admin/audit"),
        ("report", "/.doorstep/admin/passed-without-2fa"),
        ("confirm", "/.doorstep/admin/confirm"),
    ] {
        let page = world.page(path, &token).await;
        std::fs::write(folder.join(format!("{name}.html")), page.body).unwrap();
    }
    for (name, path, fields) in [
        ("wrong", "/.doorstep/admin/two-factor", "enable=no&token=1"),
        (
            "faults",
            "/.doorstep/admin/employee",
            "login=ben&name=&role=tech&phone=12&email=x",
        ),
        (
            "policy-faults",
            "/.doorstep/admin/policy",
            "idle_timeout=2y&networks=x",
        ),
    ] {
        let page = world.form(path, &token, fields).await;
        std::fs::write(folder.join(format!("{name}.html")), page.body).unwrap();
    }
    let fields = "login=ben&name=Ben+Bell&role=admin&phone=%2B447400123456&email=ben%40acme.example";
    let saved = world.change("/.doorstep/admin/employee", &token, fields).await;
    let page = world.page(saved.location(), &token).await;
    std::fs::write(folder.join("saved.html"), &page.body).unwrap();
    let id = page
        .body
        .split("undo?id=")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let undo = format!("/.doorstep/admin/undo?id={}", id.unwrap());
    for (name, path) in [
        ("undo", undo.as_str()),
        ("undo-gone", "/.doorstep/admin/undo?id=1"),
    ] {
        let page = world.page(path, &token).await;
        std::fs::write(folder.join(format!("{name}.html")), page.body).unwrap();
    }
    for action in ["remove-factor", "forget-device", "approve-phone"] {
        let id = match action {
            "remove-factor" => &things.factor,
            "forget-device" => &things.device,
            _ => &things.change,
        };
        let path = format!("/.doorstep/admin/employee/{action}?login=ben&id={id}");
        let page = world.page(&path, &token).await;
        std::fs::write(folder.join(format!("{action}.html")), page.body).unwrap();
    }
    let sheets = [
        ("preview", "eve@acme.example,Eve,+14155550130,tech"),
        ("bad-lines", "eve@evil.example,Eve,12,boss"),
    ];
    for (name, row) in sheets {
        let sheet = format!("login,name,phone,role\n{row}\n");
        let page = super::sheets::upload(&world, &token, &[("file", &sheet)]).await;
        std::fs::write(folder.join(format!("{name}.html")), page.body).unwrap();
    }
    let tech = world.verified("anna").await;
    let page = world.page("/.doorstep/admin/", &tech).await;
    std::fs::write(folder.join("tech.html"), page.body).unwrap();
    let passcode = world
        .change("/.doorstep/admin/employee/reset", &token, "login=anna")
        .await;
    std::fs::write(folder.join("passcode.html"), passcode.body).unwrap();
    world.clock.advance(10 * super::super::world::MINUTE);
    for (name, path) in [
        ("stale", "/.doorstep/admin/"),
        ("stale-form", "/.doorstep/admin/policy"),
    ] {
        let page = world.page(path, &token).await;
        std::fs::write(folder.join(format!("{name}.html")), page.body).unwrap();
    }
    let refused = world
        .change(
            "/.doorstep/admin/policy",
            &token,
            "idle_timeout=15m&factor_totp=yes",
        )
        .await;
    std::fs::write(folder.join("stale-refused.html"), refused.body).unwrap();
}
