//! The own pages that need a session, each as a file, to be looked at.

use std::path::PathBuf;

use super::world::{name, ops};
use super::{Sent, World};
use crate::pages::assets;
use crate::secret::SessionToken;

/// Where the files go, with what the pages load.
pub fn folder() -> PathBuf {
    let folder = PathBuf::from(std::env::var("DOORSTEP_GALLERY").unwrap());
    std::fs::create_dir_all(folder.join(".doorstep/assets")).unwrap();
    std::fs::create_dir_all(folder.join(".doorstep/phone")).unwrap();
    for file in [&*assets::CSS, &*assets::JS, &*assets::DESK_CSS, &*assets::DESK_JS] {
        let path = folder.join(file.path.trim_start_matches('/'));
        std::fs::write(path, assets::asset(&file.path).unwrap().body()).unwrap();
    }
    folder
}

/// `DOORSTEP_GALLERY=FOLDER cargo test --lib write_the -- --ignored`; then serve the folder.
#[tokio::test]
#[ignore = "writes files to look at"]
async fn write_the_own_pages() {
    let folder = folder();
    let world = World::new().await;
    let page = async |file: &str, path: &'static str, token: &SessionToken| {
        let answer = world.send(Sent::get(path).by(token)).await;
        std::fs::write(folder.join(format!("{file}.html")), answer.body).unwrap();
    };
    let form = async |file: &str, path: &'static str, token: &SessionToken, fields: &str| {
        let answer = world.send(Sent::form(path, token, fields)).await;
        std::fs::write(folder.join(format!("{file}.html")), answer.body).unwrap();
    };
    let ben = world.signed_in("ben").await;
    page("lost-phone", "/.doorstep/lost-phone", &ben).await;
    form("lost-phone-wrong", "/.doorstep/lost-phone", &ben, "phone=12").await;
    world
        .send(Sent::form("/.doorstep/lost-phone", &ben, "phone=%2B14155550177"))
        .await;
    page("lost-phone-asked", "/.doorstep/lost-phone", &ben).await;
    page("lost-phone-cancel", "/.doorstep/lost-phone/cancel?code=x", &ben).await;
    let anna = world.verified("anna").await;
    page("account-own", "/.doorstep/account", &anna).await;
    page("enrol-phone", "/.doorstep/enroll/push", &anna).await;
    page("enrol-recovery", "/.doorstep/enroll/recovery", &anna).await;
    form(
        "enrol-recovery-wrong",
        "/.doorstep/enroll/recovery",
        &anna,
        "proof=1",
    )
    .await;
    let directory = &world.door.directory;
    let factors = directory.employee(&name("anna")).await.unwrap().unwrap().factors;
    let remove: &str = format!("/.doorstep/account/remove?id={}", factors[0].id).leak();
    page("remove", remove, &anna).await;
    let fields = format!("id={}&proof=1", factors[0].id);
    form("remove-wrong", "/.doorstep/account/remove", &anna, &fields).await;
    let fields = format!("proof={}", world.next_key());
    form("recovery-codes", "/.doorstep/enroll/recovery", &anna, &fields).await;
    for file in ["phone.js", "phone.css", "icon.svg", "manifest.webmanifest"] {
        let path: &str = format!("/.doorstep/phone/{file}").leak();
        let answer = world.send(Sent::get(path).by(&anna)).await;
        std::fs::write(folder.join(format!(".doorstep/phone/{file}")), answer.body).unwrap();
    }
    page("phone", "/.doorstep/phone/", &anna).await;
    page("enrol-passkey", "/.doorstep/enroll/passkey", &anna).await;
    form(
        "enrol-passkey-wrong",
        "/.doorstep/enroll/passkey",
        &anna,
        "name=Laptop",
    )
    .await;
    super::passkeys::enrolled(&world, &anna).await;
    page("account-passkey", "/.doorstep/account", &anna).await;
    let waiting = world.signed_in("anna").await;
    page("challenge-passkey", "/.doorstep/challenge", &waiting).await;
    directory
        .reset_employee(&ops(), &name("anna"), world.now())
        .await
        .unwrap();
    page("session-over", "/.doorstep/account", &anna).await;
}
