//! Debian's nginx with `auth_basic`: a file server.

use std::process::Command;

use crate::portals::app::{ANNA, App, BEN, Start, password_of};

/// Stands on the index page.
pub const SECRET: &str = "The safe is behind the clock.";

/// How long the large file is.
pub const LARGE: usize = 24 << 20;

/// What stands in a file that only this user may read (`/home/USER/notes.txt`).
pub fn secret_of(user: &str) -> String {
    format!("A note of {user} alone.\n")
}

/// Files for two users, folders for each alone, gzip for text, one large file.
pub async fn start() -> App {
    let start = Start::new("nginx-basic");
    start.write(
        "files/index.html",
        format!(
            "<!DOCTYPE html><title>Works</title><h1>Works</h1><p id=secret>{SECRET}</p>\
             <img src=/static/plan.svg alt=plan><a href=/files/large.bin download>large.bin</a>{}",
            "<p>Filled so that it is worth packing.</p>".repeat(60)
        ),
    );
    start.write(
        "files/static/plan.svg",
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>",
    );
    start.write("files/files/large.bin", large());
    start.write("files/files/page.txt", SECRET.repeat(400));
    let mut all = String::new();
    let mut homes = String::new();
    for user in [ANNA, BEN] {
        let line = format!("{user}:{{PLAIN}}{}\n", password_of(user));
        all += &line;
        start.write(&format!("{user}.users"), line);
        start.write(&format!("files/home/{user}/notes.txt"), secret_of(user));
        homes += &format!("location /home/{user}/ {{ auth_basic_user_file {user}.users; }}\n");
    }
    start.write("all.users", all);
    start.write("nginx.conf", configuration(&start, &homes));
    let mut nginx = Command::new("/usr/sbin/nginx");
    nginx
        .arg("-p")
        .arg(start.at())
        .args(["-c", "nginx.conf", "-e", "error.log"]);
    start.run(&mut nginx, "/", requests).await
}

fn configuration(start: &Start, homes: &str) -> String {
    // as root, its workers would not be let into the story's folder
    let user = if is_root() { "user root root;" } else { "" };
    format!(
        "{user}\ndaemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
           log_format short '$request_method $request_uri $status $remote_user';\n\
           access_log access.log short;\n\
           client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;\n\
           types {{ text/html html; text/plain txt; image/svg+xml svg; application/octet-stream bin; }}\n\
           gzip on; gzip_types text/plain; gzip_min_length 200;\n\
           server {{\n\
             listen {};\n\
             root files;\n\
             auth_basic \"Works\";\n\
             auth_basic_user_file all.users;\n\
             {homes}\
           }}\n\
         }}\n",
        start.address
    )
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// Bytes that no packing makes smaller.
pub fn large() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(LARGE);
    while bytes.len() < LARGE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes
}

/// `GET /files/ 200 anna`
fn requests(app: &App) -> Vec<String> {
    let log = std::fs::read(app.file("access.log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let method_and_target = |line: &str| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?))
    };
    log.lines().filter_map(method_and_target).collect()
}
