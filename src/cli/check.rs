//! `doorstep check`: validates the configuration and says in words what it means.

use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::config::{explain, explanation};

pub(super) fn apply(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    context.screen.result(
        &explain(&config),
        || json!({"file": config.file, "valid": true, "explanation": explanation(&config)}),
    )
}
