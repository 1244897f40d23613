//! What is shipped for others to copy: the recipes, and the blocks of the page that tells how to place doorstep.

use crate::config::Config;
use crate::config::explain::explain;

const PAGE: &str = include_str!("../../../../docs/place-it-before-your-portal.md");

const RECIPES: [(&str, &str); 4] = [
    (
        "Django",
        include_str!("../../../../config/portals/django-admin.toml"),
    ),
    (
        "DokuWiki",
        include_str!("../../../../config/portals/dokuwiki.toml"),
    ),
    (
        "Node-RED",
        include_str!("../../../../config/portals/node-red.toml"),
    ),
    (
        "nginx",
        include_str!("../../../../config/portals/nginx-basic.toml"),
    ),
];

fn blocks() -> Vec<&'static str> {
    let parts = PAGE.split("```toml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap()).collect()
}

/// The frame without its `[portal]`.
fn frame() -> &'static str {
    blocks()[0].split("[portal]\n").next().unwrap()
}

fn read(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sms.secret"), "s").unwrap();
    let config = Config::parse(text, &folder.path().join("doorstep.toml"));
    config.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn every_block_of_the_page_is_a_configuration() {
    let blocks = blocks();
    assert_eq!(blocks.len(), 8, "the frame, exempt, canary, and five portals");
    for block in &blocks {
        let text = match block.starts_with("[portal]") {
            true => format!("{}{block}", frame()),
            false if *block == blocks[0] => (*block).to_owned(),
            false => format!("{}\n{block}", blocks[0]),
        };
        assert!(!explain(&read(&text)).is_empty());
    }
}

#[test]
fn every_recipe_is_a_configuration_and_the_page_shows_it() {
    for (name, recipe) in RECIPES {
        let (before, _) = recipe.split_once("[portal]\n").unwrap();
        assert!(
            before
                .lines()
                .all(|line| line.starts_with('#') || line.is_empty()),
            "{name}"
        );
        let shipped = read(&format!("{}{recipe}", frame())).portal.rules;
        let section = PAGE
            .split("\n## ")
            .find(|section| section.starts_with(name))
            .unwrap();
        let block = section
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let shown = read(&format!("{}{}", frame(), block.unwrap())).portal.rules;
        assert_eq!(
            format!("{:?}", shipped.logins),
            format!("{:?}", shown.logins),
            "{name}"
        );
        assert_eq!(
            format!("{:?}", shipped.logout),
            format!("{:?}", shown.logout),
            "{name}"
        );
        assert_eq!(
            format!("{:?}", shipped.closed),
            format!("{:?}", shown.closed),
            "{name}"
        );
        assert_eq!(
            format!("{:?}", shipped.who_am_i),
            format!("{:?}", shown.who_am_i),
            "{name}"
        );
        assert_eq!(shipped.login_page, shown.login_page, "{name}");
        for public in &shown.public {
            let same = shipped.public.iter().any(|entry| entry.path == public.path);
            assert!(same, "{name}: {:?} is public on the page only", public.path);
        }
    }
}
