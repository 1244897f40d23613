//! What doorstep is built from: one TLS stack, one runtime, one of each protocol's crates, all from the public
//! registry, under licences that `deny.toml` allows.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

fn at(file: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn toml_of(file: &str) -> toml::Table {
    std::fs::read_to_string(at(file)).unwrap().parse().unwrap()
}

#[test]
fn there_is_one_tls_stack_and_one_of_each_protocol() {
    let lock = toml_of("Cargo.lock");
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap().to_owned();
        let version = package["version"].as_str().unwrap();
        let parts: Vec<&str> = version.split('.').collect();
        let major = if parts[0] == "0" {
            parts[..2].join(".")
        } else {
            parts[0].to_owned()
        };
        versions.entry(name.clone()).or_default().insert(major);
        if let Some(source) = package.get("source") {
            let source = source.as_str().unwrap();
            assert!(source.starts_with("registry+"), "{name} comes from {source}");
        }
    }
    let banned = toml_of("deny.toml");
    for ban in banned["bans"]["deny"].as_array().unwrap() {
        let name = ban["crate"].as_str().unwrap();
        if !name.contains(':') {
            assert!(!versions.contains_key(name), "{name} is in Cargo.lock");
        }
    }
    for name in ["tokio", "http", "hyper", "h2", "rustls", "ring"] {
        assert_eq!(versions[name].len(), 1, "{name}: {:?}", versions[name]);
    }
}

/// The platform that this is built on, as cargo names it.
fn host() -> String {
    let output = Command::new(env!("CARGO")).arg("-vV").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("a line that names the host").to_owned()
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        // what other platforms would need was never downloaded on a fresh machine
        .args(["--filter-platform", &host(), "--manifest-path"])
        .arg(at("Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let deny = toml_of("deny.toml");
    let allowed: Vec<&str> = deny["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|licence| licence.as_str().unwrap())
        .collect();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"]
            .as_str()
            .unwrap_or_default()
            .replace('/', " OR ");
        // `A OR B`: one will do; `A AND B`: all must
        let fits = licence.split(" AND ").all(|part| {
            let part = part.trim_matches(['(', ')', ' ']);
            part.split(" OR ")
                .any(|one| allowed.contains(&one.trim_matches(['(', ')', ' '])))
        });
        if !fits {
            wrong.push(format!("{}: {licence}", package["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `SECURITY.md` promises with tests: each of them is there.
#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = std::fs::read_to_string(at("SECURITY.md")).unwrap();
    let shape = regex::Regex::new(r"`([a-z][a-z0-9_]*(?:_[a-z0-9]+){2,})`").unwrap();
    let mut sources = String::new();
    let mut folders = vec![at("src"), at("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let promises: Vec<&str> = page.lines().filter(|line| line.starts_with("| I")).collect();
    assert_eq!(promises.len(), 15, "a promise is missing");
    let mut count = 0;
    for line in page.lines().filter(|line| line.starts_with('|')) {
        for name in shape
            .captures_iter(line)
            .map(|found| found.get(1).unwrap().as_str())
        {
            assert!(sources.contains(&format!("fn {name}(")), "{name} is no test");
            count += 1;
        }
    }
    assert!(count > 50, "{count} tests are named");
    for (number, promise) in promises.iter().enumerate() {
        assert!(promise.starts_with(&format!("| I{} ", number + 1)), "{promise}");
        assert!(shape.is_match(promise), "no test holds {promise}");
    }
}
