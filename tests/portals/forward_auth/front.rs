//! A proxy in front, configured as the documentation says.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::{PATIENCE, client, until};

const DOCUMENT: &str = include_str!("../../../docs/forward-auth.md");

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Debian's nginx.
    Nginx,
    /// Debian's caddy.
    Caddy,
}

/// It runs.
pub struct Front {
    /// Where browsers come in.
    pub address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Front {
    /// Starts it before doorstep and the portal.
    pub async fn start(kind: Kind, address: SocketAddr, doorstep: SocketAddr, portal: SocketAddr) -> Self {
        Self::start_for(kind, address, doorstep, portal, 200).await
    }

    /// The same; the portal answers `/public/ready` so.
    pub async fn start_for(
        kind: Kind,
        address: SocketAddr,
        doorstep: SocketAddr,
        portal: SocketAddr,
        ready: u16,
    ) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("doorstep-front")
            .tempdir()
            .unwrap();
        let at = folder.path();
        let documented = |language: &str| {
            let (_, rest) = DOCUMENT
                .split_once(&format!("```{language}\n"))
                .expect("the documentation has it");
            let (block, _) = rest.split_once("```").unwrap();
            block
                .replace("127.0.0.1:8443", &doorstep.to_string())
                .replace("127.0.0.1:8081", &portal.to_string())
        };
        let mut command = match kind {
            Kind::Nginx => {
                let server = documented("nginx").replace("listen 443 ssl;", &format!("listen {address};"));
                // as root, its workers would not be let into the story's folder
                let user = if is_root() { "user root root;" } else { "" };
                let text = format!(
                    "{user}\ndaemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log error.log;\n\
                     events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n\
                     client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; \
                     scgi_temp_path tmp5;\n{server}}}\n"
                );
                std::fs::write(at.join("nginx.conf"), text).unwrap();
                let mut command = Command::new("/usr/sbin/nginx");
                command
                    .arg("-p")
                    .arg(at)
                    .args(["-c", "nginx.conf", "-e", "error.log"]);
                command
            }
            Kind::Caddy => {
                let site =
                    documented("caddyfile").replace("portal.example.com {", &format!("http://{address} {{"));
                std::fs::write(at.join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{site}")).unwrap();
                let mut command = Command::new("caddy");
                command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]);
                command
            }
        };
        command
            .current_dir(at)
            .env("HOME", at)
            .env("XDG_DATA_HOME", at)
            .env("XDG_CONFIG_HOME", at);
        let process = Process::start("front", &command, &at.join("front.log"));
        until("the proxy in front answers", PATIENCE, || async {
            let answer = client::get(address, "/public/ready").await.ok()?;
            (answer.status == ready).then_some(())
        })
        .await;
        Self {
            address,
            _process: process,
            _folder: folder,
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}
