//! The documentation's pictures, made anew: `cargo test --test stories -- --ignored pictures`.

use std::path::{Path, PathBuf};

use super::phones::Desk;
use crate::support::webdriver::Chromium;

const PHONE: (u32, u32) = (360, 740);
const DESKTOP: (u32, u32) = (1280, 900);

async fn both(window: &Chromium, name: &str) -> Vec<PathBuf> {
    let mut drawn = Vec::new();
    for (width, height) in [DESKTOP, PHONE] {
        drawn.push(window.picture(name, width, height).await);
    }
    drawn
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "draws docs/screens anew"]
async fn pictures_of_challenge_phone_and_account() {
    let site = Desk::open().await;
    let mut drawn = both(&site.desk, "account").await;
    let digits = site.sign_in_again().await;
    drawn.extend(both(&site.desk, "challenge").await);
    site.phone.until_shown("Is this you?").await;
    site.phone.fill("#digits", &digits).await;
    drawn.extend(both(&site.phone, "phone-request").await);
    site.phone.click("#approve").await;
    site.phone.until_shown("Approved").await;
    site.phone.script("location.reload()").await;
    site.phone.until_shown("Nothing to approve").await;
    site.phone.until_shown("Approved").await;
    drawn.extend(both(&site.phone, "phone-empty").await);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens");
    std::fs::create_dir_all(&folder).unwrap();
    for picture in drawn {
        std::fs::copy(&picture, folder.join(picture.file_name().unwrap())).unwrap();
    }
    site.close().await;
}
