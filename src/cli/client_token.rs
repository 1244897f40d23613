//! `doorstep client-token`: tokens of machine clients that pass an exempt entry.

use clap::Subcommand;
use serde_json::json;

use super::context::{Context, ops};
use super::failure::Failure;
use crate::clock::Timestamp;
use crate::config::parse_positive_duration;

/// What may be done with client tokens.
#[derive(Subcommand)]
pub(super) enum ClientToken {
    /// Makes a token for a client and shows it, once: for the header Doorstep-Client-Token.
    Add {
        /// Names the client in the audit.
        name: String,
        /// How long it counts, such as 90d; default: until it is removed.
        #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
        expires: Option<std::time::Duration>,
    },
    /// Lists who has one.
    List,
    /// Removes one: it counts no more.
    Remove {
        /// The client.
        name: String,
    },
}

impl ClientToken {
    pub async fn apply(self, context: &Context) -> Result<(), Failure> {
        let (config, directory) = context.directory().await?;
        let now = context.now();
        match self {
            Self::Add { name, expires } => {
                let until = expires.map(|expires| now.plus(expires));
                let token = directory.add_client_token(&ops(), &name, until, now).await?;
                let uses = config.portal.rules.exempt.iter().any(|entry| entry.token);
                let hint = if uses {
                    ""
                } else {
                    " No [[portal.exempt]] entry says token = true yet: it opens nothing."
                };
                let sentence = format!("{}\nShown once; only its hash is kept.{hint}", token.reveal());
                context.screen.result(&sentence, || {
                    json!({"name": name, "token": token.reveal(), "expires": until.map(|until| until.to_string())})
                })
            }
            Self::List => {
                let tokens = directory.client_tokens().await?;
                let shown = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
                let rows: Vec<Vec<String>> = tokens
                    .iter()
                    .map(|token| {
                        vec![
                            token.name.clone(),
                            token.created.to_string(),
                            shown(token.expires),
                        ]
                    })
                    .collect();
                context
                    .screen
                    .listing(&["name", "created", "expires"], &rows, || {
                        tokens
                            .iter()
                            .map(|token| {
                                json!({
                                    "name": token.name,
                                    "created": token.created.to_string(),
                                    "expires": token.expires.map(|at| at.to_string()),
                                })
                            })
                            .collect()
                    })
            }
            Self::Remove { name } => {
                directory.remove_client_token(&ops(), &name, now).await?;
                let sentence = format!("Removed the token of {name}: it counts no more.");
                context
                    .screen
                    .result(&sentence, || json!({"name": name, "removed": true}))
            }
        }
    }
}
