//! The scripts: each is one atomic step on one key.

use ::redis::Script;

/// What every script may call.
const SHARED: &str = include_str!("live.lua");

/// All of them, with their digests.
pub(super) struct Scripts {
    pub create: Script,
    pub update: Script,
    pub touch: Script,
    pub write_vault: Script,
    pub retire: Script,
    pub create_challenge: Script,
    pub update_challenge: Script,
    pub take: Script,
    pub note_directory: Script,
}

impl Scripts {
    pub fn new() -> Self {
        let script = |text: &str| Script::new(&format!("{SHARED}\n{text}"));
        Self {
            create: script(include_str!("create.lua")),
            update: script(include_str!("update.lua")),
            touch: script(include_str!("touch.lua")),
            write_vault: script(include_str!("write_vault.lua")),
            retire: script(include_str!("retire.lua")),
            create_challenge: script(include_str!("create_challenge.lua")),
            update_challenge: script(include_str!("update_challenge.lua")),
            take: script(include_str!("take.lua")),
            note_directory: script(include_str!("note_directory.lua")),
        }
    }
}
