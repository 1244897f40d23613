//! `doorstep demo`.

use clap::Args;

use super::context::Context;
use super::failure::Failure;

/// What may be asked of the demo.
#[derive(Args)]
pub(super) struct Demo {
    /// The gateway's port on loopback; default: 8080, or any free one.
    #[arg(long)]
    port: Option<u16>,
}

impl Demo {
    pub fn apply(self, context: &Context) -> Result<(), Failure> {
        let options = crate::demo::Options {
            port: self.port,
            json: context.screen.json,
        };
        Ok(crate::demo::run(options)?)
    }
}
