//! `doorstep run`.

use super::context::Context;
use super::failure::Failure;

pub(super) fn apply(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    Ok(crate::edge::run(config)?)
}
