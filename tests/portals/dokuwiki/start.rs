//! DokuWiki, as Debian ships it, with data and configuration in a folder of the story's own.

use std::process::{Command, Stdio};

use crate::portals::app::{ANNA, App, BEN, Start, password_of};

/// Where Debian puts the program and its configuration.
const PROGRAM: &str = "/usr/share/dokuwiki";
const CONFIGURATION: &str = "/etc/dokuwiki";

/// Stands on the start page.
pub const SECRET: &str = "The safe is behind the clock.";

/// What stands on a page that only this user may read (`private:USER:notes`).
pub fn secret_of(user: &str) -> String {
    format!("A note of {user} alone.")
}

/// A wiki that is closed to the public, with its remote API open to its users, served by `php -S`.
pub async fn start() -> App {
    let start = Start::new("dokuwiki");
    copy_configuration(&start);
    let data = start.at().join("data");
    for folder in [
        "pages",
        "attic",
        "media",
        "media_attic",
        "media_meta",
        "meta",
        "cache",
        "index",
        "locks",
        "tmp",
        "log",
    ] {
        std::fs::create_dir_all(data.join(folder)).unwrap();
    }
    start.write(
        "data/pages/start.txt",
        format!("====== Works ======\n\n{SECRET}\n"),
    );
    start.write("data/media/plan.png", plan());
    let mut rights = "# <?php exit()?>\n*\t@ALL\t0\n*\t@user\t8\n".to_owned();
    let mut users = "# <?php exit()?>\n".to_owned();
    for user in [ANNA, BEN] {
        start.write(&format!("data/pages/private/{user}/notes.txt"), secret_of(user));
        rights += &format!("private:{user}:*\t@user\t0\nprivate:{user}:*\t{user}\t16\n");
        users += &format!(
            "{user}:{}:{user}:{user}@wiki.example:user\n",
            hash(password_of(user))
        );
    }
    start.write("conf/acl.auth.php", rights);
    start.write("conf/users.auth.php", users);
    start.write(
        "conf/local.php",
        format!(
            "<?php\n$conf['title'] = 'Works Wiki';\n$conf['savedir'] = '{}';\n$conf['useacl'] = 1;\n\
             $conf['superuser'] = '@admin';\n$conf['remote'] = 1;\n$conf['remoteuser'] = '@user';\n$conf['updatecheck'] = 0;\n\
             $conf['disableactions'] = 'register,resendpwd';\n",
            data.display()
        ),
    );
    start.write(
        "prepend.php",
        format!("<?php define('DOKU_CONF', '{}/conf/');\n", start.at().display()),
    );
    let address = start.address.to_string();
    let mut php = Command::new("php");
    // one process: its workers would outlive it
    php.env_remove("PHP_CLI_SERVER_WORKERS")
        .args(["-S", &address, "-t", PROGRAM, "-d"])
        .arg(format!("auto_prepend_file={}/prepend.php", start.at().display()));
    start
        .run(&mut php, "/lib/tpl/dokuwiki/images/favicon.ico", requests)
        .await
}

/// What an administrator has not touched.
fn copy_configuration(start: &Start) {
    let shipped = std::fs::read_dir(CONFIGURATION).expect("no DokuWiki: tests/run installs it");
    for entry in shipped {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let local = ["local.php", "acl.auth.php", "users.auth.php"];
        let is_text = name.ends_with(".php") || name.ends_with(".conf") || name.ends_with(".json");
        if path.is_file() && is_text && !local.contains(&name.as_str()) {
            start.write(&format!("conf/{name}"), std::fs::read(&path).unwrap());
        }
    }
}

fn hash(password: &str) -> String {
    let output = Command::new("php")
        .args([
            "-r",
            "echo password_hash($argv[1], PASSWORD_BCRYPT, ['cost' => 4]);",
            password,
        ])
        .stdin(Stdio::null())
        .output()
        .expect("php");
    String::from_utf8(output.stdout).unwrap()
}

/// A picture of 1 by 1, and what makes it worth a range.
fn plan() -> Vec<u8> {
    let mut bytes = vec![
        0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0,
        0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55,
    ];
    bytes.extend((0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()));
    bytes
}

/// `[…] 127.0.0.1:43098 [404]: GET /nothing - No such file or directory`
fn requests(app: &App) -> Vec<String> {
    let output = app.output();
    output
        .lines()
        .filter_map(|line| Some(line.split_once("]: ")?.1.split(" - ").next()?.to_owned()))
        .collect()
}
