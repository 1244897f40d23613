//! Every page of the desk as a file, to be looked at.

use super::{may_have, world};
use crate::pages::assets;

/// `DOORSTEP_GALLERY=FOLDER cargo test --lib write_the_desk -- --ignored`; then serve the folder.
#[tokio::test]
#[ignore = "writes files to look at"]
async fn write_the_desk() {
    let folder = std::path::PathBuf::from(std::env::var("DOORSTEP_GALLERY").unwrap());
    std::fs::create_dir_all(folder.join(".doorstep/assets")).unwrap();
    for file in [&*assets::CSS, &*assets::JS, &*assets::DESK_CSS, &*assets::DESK_JS] {
        let path = folder.join(file.path.trim_start_matches('/'));
        std::fs::write(path, assets::asset(&file.path).unwrap().body()).unwrap();
    }
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    for (name, path) in [
        ("overview", "/.doorstep/admin/"),
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
    let passcode = world
        .change("/.doorstep/admin/employee/reset", &token, "login=anna")
        .await;
    std::fs::write(folder.join("passcode.html"), passcode.body).unwrap();
}
